use marey_flow::*;
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let bands: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let g = |i: usize| { let im = image::open(format!("{dir}/frame{i}.png")).unwrap().to_rgb8(); Grey::from_rgb(&im).unwrap() };
    let (a, b) = (g(0), g(1));
    let c = tvl1::TvL1Config::opencv();
    let mut best = f64::INFINITY; let mut f = None;
    for _ in 0..7 { let t = std::time::Instant::now(); f = Some(tvl1::quick(&c, &a, &b, bands).unwrap()); best = best.min(t.elapsed().as_secs_f64()*1e3); }
    let f = f.unwrap();
    println!("{dir} {}x{} {best:.1} ms", f.width(), f.height());
    let mut o = Vec::new(); for i in 0..f.x().len() { o.extend(f.x()[i].to_le_bytes()); o.extend(f.y()[i].to_le_bytes()); }
    std::fs::write("/tmp/quick.raw", o).unwrap();
}
