//! What both publications do with a grid of numbers: differences, divergence and one iteration.
//!
//! Reference: `mask.c` and `tvl1flow_lib.c` of IPOL 2013; OpenCV's functions in `tvl1flow.cpp` are made after them.

#[derive(Clone)]
pub(crate) struct Grid {
    pub(crate) nx: usize,
    pub(crate) ny: usize,
    pub(crate) v: Vec<f64>,
}

impl Grid {
    pub(crate) fn new(nx: usize, ny: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        Self { nx, ny, v: (0..nx * ny).map(|p| f(p % nx, p / nx)).collect() }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> f64 {
        self.v[y * self.nx + x]
    }

    /// Beyond the border, what is at the border.
    pub(crate) fn clamped(&self, x: i64, y: i64) -> f64 {
        self.at(x.clamp(0, self.nx as i64 - 1) as usize, y.clamp(0, self.ny as i64 - 1) as usize)
    }

    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self::new(self.nx, self.ny, |x, y| f(self.at(x, y)))
    }

    pub(crate) fn centred_gradient(&self) -> [Self; 2] {
        let to = |dx: i64, dy: i64| {
            Self::new(self.nx, self.ny, |x, y| {
                let (x, y) = (x as i64, y as i64);
                0.5 * (self.clamped(x + dx, y + dy) - self.clamped(x - dx, y - dy))
            })
        };
        [to(1, 0), to(0, 1)]
    }

    /// 0 at the last column, and at the last row.
    pub(crate) fn forward_gradient(&self) -> [Self; 2] {
        let to = |dx: i64, dy: i64| {
            Self::new(self.nx, self.ny, |x, y| {
                self.clamped(x as i64 + dx, y as i64 + dy) - self.at(x, y)
            })
        };
        [to(1, 0), to(0, 1)]
    }
}

pub(crate) fn divergence([v1, v2]: &[Grid; 2]) -> Grid {
    let part = |last: usize, at: usize, here: f64, before: &dyn Fn() -> f64| match at {
        0 => here,
        at if at == last => -before(),
        _ => here - before(),
    };
    Grid::new(v1.nx, v1.ny, |x, y| {
        let along = part(v1.nx - 1, x, v1.at(x, y), &|| v1.at(x - 1, y));
        along + part(v1.ny - 1, y, v2.at(x, y), &|| v2.at(x, y - 1))
    })
}

/// Parameters of an iteration.
pub(crate) struct Weights {
    pub(crate) l_t: f64,
    pub(crate) theta: f64,
    pub(crate) taut: f64,
    pub(crate) gamma: f64,
    /// A squared gradient below it is none.
    pub(crate) flat: f64,
}

/// What a warp leaves constant.
pub(crate) struct Data {
    pub(crate) ix: Grid,
    pub(crate) iy: Grid,
    pub(crate) grad: Grid,
    pub(crate) rho_c: Grid,
}

impl Data {
    /// Of the first image, and of the second and its gradient, warped by `u`.
    pub(crate) fn new(i0: &Grid, [i1w, ix, iy]: [Grid; 3], u: &[Grid]) -> Self {
        let grad = Grid::new(i0.nx, i0.ny, |x, y| ix.at(x, y).powi(2) + iy.at(x, y).powi(2));
        let rho_c = Grid::new(i0.nx, i0.ny, |x, y| {
            let moved = ix.at(x, y) * u[0].at(x, y) + iy.at(x, y) * u[1].at(x, y);
            i1w.at(x, y) - moved - i0.at(x, y)
        });
        Self { ix, iy, grad, rho_c }
    }
}

/// Components of flow, with the dual variables of each.
pub(crate) struct State {
    pub(crate) u: Vec<Grid>,
    pub(crate) p: Vec<[Grid; 2]>,
}

impl State {
    /// Dual variables are 0 where a level begins.
    pub(crate) fn new(u: Vec<Grid>) -> Self {
        let zero = || u[0].map(|_| 0.);
        let p = u.iter().map(|_| [zero(), zero()]).collect();
        Self { u, p }
    }

    /// One iteration; gives the sum of squared changes.
    pub(crate) fn iterate(&mut self, data: &Data, w: &Weights) -> f64 {
        let step = |at: usize| {
            let (ix, iy, grad) = (data.ix.v[at], data.iy.v[at], data.grad.v[at]);
            let mut rho = data.rho_c.v[at] + ix * self.u[0].v[at] + iy * self.u[1].v[at];
            if let Some(u3) = self.u.get(2) {
                rho += w.gamma * u3.v[at];
            }
            if rho < -w.l_t * grad {
                w.l_t
            } else if rho > w.l_t * grad {
                -w.l_t
            } else if grad < w.flat {
                0.
            } else {
                -rho / grad
            }
        };
        let steps: Vec<f64> = (0..data.grad.v.len()).map(step).collect();
        let mut error = 0.;
        for (c, (u, p)) in self.u.iter_mut().zip(&mut self.p).enumerate() {
            let div = divergence(p);
            for (at, u) in u.v.iter_mut().enumerate() {
                let direction = [data.ix.v[at], data.iy.v[at], w.gamma][c];
                let v = *u + steps[at] * direction;
                let new = v + w.theta * div.v[at];
                error += (new - *u).powi(2);
                *u = new;
            }
            let [ux, uy] = u.forward_gradient();
            for at in 0..u.v.len() {
                let ng = 1. + w.taut * ux.v[at].hypot(uy.v[at]);
                p[0].v[at] = (p[0].v[at] + w.taut * ux.v[at]) / ng;
                p[1].v[at] = (p[1].v[at] + w.taut * uy.v[at]) / ng;
            }
        }
        error
    }
}
