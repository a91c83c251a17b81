//! Networks begin from checkpoints of others, told tensor by tensor.
//!
//! `first_weights/*.txt` lists the tensors of torchvision's networks of images, `first_weights/images.py` wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle::{DType, Device, Result, Tensor};
use candle_nn::VarMap;
use marey::inspect::Golden;
use marey::inspect::formula::{clip, difference, values};
use marey::layers::{Network, Precision, seeded, with_precision};
use marey::weights::{self, Wanted, write};
use marey::zoo::{self, Begun, InitRules, LoadError, MODELS, NewBecause, Sizes};

type Listed = BTreeMap<String, Vec<usize>>;

/// A file of this folder.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("first_weights").join(name)
}

/// The tensors of a network of images, without counts of batches.
fn images(network: &str) -> Listed {
    let text = std::fs::read_to_string(file(&format!("{network}.txt"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.ends_with('-'));
    let tensor = |line: &str| {
        let (name, sides) = line.split_once(' ').unwrap();
        (name.to_string(), sides.split(',').map(|side| side.parse().unwrap()).collect())
    };
    lines.map(tensor).collect()
}

/// A checkpoint of formula weights.
fn checkpoint(folder: &Path, tensors: &Listed) -> PathBuf {
    let filled = |(name, shape): (&String, &Vec<usize>)| {
        (name.clone(), weights::Tensor::from_f32(shape.clone(), values(name, shape)).unwrap())
    };
    let path = folder.join("first.safetensors");
    write(&path, &tensors.iter().map(filled).collect(), &BTreeMap::new()).unwrap();
    path
}

/// A network as built, and its variables.
fn built(model: &zoo::Model, sizes: &Sizes) -> Result<(Box<dyn Network>, VarMap)> {
    let vars = VarMap::new();
    let network = model.build(sizes, seeded(&vars, 1, DType::F32, &Device::Cpu))?;
    Ok((network, vars))
}

fn value(vars: &VarMap, name: &str) -> Result<Vec<f32>> {
    vars.data().lock().unwrap()[name].flatten_all()?.to_vec1()
}

/// The network of images of which a model is.
fn of(model: &zoo::Model) -> &'static str {
    if model.images[0].name == "torchvision-googlenet" {
        return "googlenet";
    }
    match model.name.rsplit('-').next() {
        Some("18") => "resnet18",
        Some("34") => "resnet34",
        Some("50" | "63") => "resnet50",
        Some("101") => "resnet101",
        Some("152" | "199") => "resnet152",
        other => panic!("{}: {other:?}", model.name),
    }
}

/// `[O, I, .., H, W]` without time, and for other shapes themselves without axes of length 1.
fn flat(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [o, i, _, h, w] | [o, i, h, w] if h > 1 => vec![o, i, h, w],
        _ => shape.iter().copied().filter(|&side| side != 1).collect(),
    }
}

#[test]
fn names_and_shapes_are_those_of_the_network_of_images() {
    let models = MODELS.iter().filter(|model| !model.images.is_empty());
    assert!(models.clone().count() > 20);
    for model in models {
        let mut theirs = images(of(model));
        let wanted = model.wanted(&model.sizes(1000)).unwrap();
        let sources = (model.images[0].sources)(&wanted);
        let mut missing = Vec::new();
        for (Wanted { name, shape }, source) in wanted.iter().zip(&sources) {
            let Some(met) = theirs.remove(source) else {
                missing.push(name);
                continue;
            };
            let mut want = flat(shape);
            // The first kernel may be for flow.
            if met.ends_with(&[7, 7]) {
                want[1] = 3;
            }
            assert_eq!(flat(&met), want, "{}: {name} of {source}", model.name);
        }
        // Classifiers beside the trunk.
        assert!(theirs.keys().all(|name| name.starts_with("aux")), "{}: {theirs:?}", model.name);
        let alone = |name: &&String| match model.name {
            "res3d-18" => name.starts_with("layer1.0.downsample."),
            // Their kernels over time.
            p3d => p3d.starts_with("p3d") && (name.contains(".conv3.") || name.contains(".bn3.")),
        };
        assert!(missing.iter().all(alone), "{}: {missing:?}", model.name);
    }
}

#[test]
fn a_model_is_not_loaded_from_images() {
    for model in MODELS {
        let own: BTreeSet<_> = model.all_dialects().map(|dialect| dialect.name).collect();
        assert!(model.images.iter().all(|image| !own.contains(image.name)), "{}", model.name);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint(folder.path(), &images("resnet18"));
    let r2d = zoo::find("r2d-18").unwrap();
    let Err(error) = r2d.import(&r2d.sizes(1000), &path) else { panic!("imported") };
    assert!(matches!(error, LoadError::Fit { dialect: "same", .. }), "{error}");
}

/// R2D-18's first kernel sees all frames of a clip, without padding: of one that repeats an image it computes what ResNet-18
/// does of the image, where that does not pool.
#[test]
fn an_inflated_network_sees_an_image_in_a_boring_video() -> Result<()> {
    let golden = Golden::read(&file("r2d-18.safetensors"))?;
    let theirs = images("resnet18");
    let listed: Vec<_> = theirs.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
    let mut tensors = golden.tensors.clone();
    tensors.sort();
    assert_eq!(tensors, listed);

    let folder = tempfile::tempdir()?;
    let path = checkpoint(folder.path(), &theirs);
    let [n, c, _, h, w] = golden.input[..] else { panic!("{:?}", golden.input) };
    let model = zoo::find("r2d-18")?;
    let sizes = Sizes { input: [4, h, w], ..model.sizes(1000) };
    let (network, vars) = built(model, &sizes)?;
    let begun = model.init(&sizes, &path, &vars, &InitRules::default()).unwrap();
    assert_eq!(begun.len(), theirs.len());
    for (name, begun) in begun {
        let stem = Begun::Inflated { from: vec![64, 3, 7, 7] };
        assert_eq!(begun, if name == "stem.0.weight" { stem } else { Begun::Taken }, "{name}");
    }
    let boring = clip(&golden.input, golden.scale)?.broadcast_as((n, c, 4, h, w))?.contiguous()?;
    let (logits, features) = with_precision(Precision::F32Exact, || {
        Result::Ok((network.forward_t(&boring, false)?, network.features_t(&boring, false)?))
    })?;
    for (got, want) in [(logits, &golden.logits), (features, &golden.features)] {
        let difference = difference(&got, want)?;
        println!("differs by {difference:e} of the largest");
        assert!(difference < 1e-5);
    }
    Ok(())
}

/// Expected values are the definition's: a kernel over time adds up to the kernel of images, evenly; one for other channels has
/// the mean of those for RGB.
#[test]
fn kernels_of_images_are_inflated_everywhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, source) in [("r3d-18", "resnet18"), ("i3d-flow", "googlenet")] {
        let theirs = images(source);
        let path = checkpoint(folder.path(), &theirs);
        let model = zoo::find(name)?;
        let sizes = model.sizes(12);
        let (_, vars) = built(model, &sizes)?;
        let wanted = model.wanted(&sizes)?;
        let before: Vec<_> = wanted.iter().map(|w| value(&vars, &w.name)).collect::<Result<_>>()?;
        let begun: BTreeMap<_, _> =
            model.init(&sizes, &path, &vars, &InitRules::default()).unwrap().into_iter().collect();
        let names = (model.images[0].sources)(&wanted);
        for ((Wanted { name, shape }, source), before) in wanted.iter().zip(&names).zip(before) {
            let (from, got) = (theirs[source].clone(), value(&vars, name)?);
            let new = Begun::New { why: NewBecause::Classes { from: from.clone() } };
            let kernel = values(source, &from);
            match (&begun[name], &shape[..]) {
                (Begun::New { .. }, _) => {
                    assert_eq!((&begun[name], from[0], got), (&new, 1000, before), "{name}");
                }
                (Begun::Taken, _) => assert_eq!(got, kernel, "{name}"),
                (how, &[o, i, t, h, w]) => {
                    let mean = matches!(how, Begun::Channels { .. });
                    assert_eq!(mean, i == 2, "{name}: {how}");
                    let kernel = Tensor::from_vec(kernel, from, &Device::Cpu)?;
                    let kernel = if mean { kernel.mean_keepdim(1)? } else { kernel };
                    let got = Tensor::from_vec(got, (o, i, t, h, w), &Device::Cpu)?;
                    for frame in 0..t {
                        let share = got.narrow(2, frame, 1)?.squeeze(2)?.affine(t as f64, 0.)?;
                        let want = kernel.broadcast_as((o, i, h, w))?;
                        assert!(difference(&share, &want)? < 1e-6, "{name}, frame {frame}");
                    }
                }
                (how, _) => panic!("{name}: {how}"),
            }
        }
        let count = |how: fn(&Begun) -> bool| begun.values().filter(|begun| how(begun)).count();
        // A stem and 16 convolutions; the first, the third, and two in each of nine blocks have more than one frame.
        let inflated = if name == "r3d-18" { 17 } else { 20 };
        assert_eq!(
            count(|b| matches!(b, Begun::Inflated { .. } | Begun::Channels { .. })),
            inflated
        );
        assert_eq!(count(|b| matches!(b, Begun::New { .. })), 2);
    }
    Ok(())
}

/// R3D-18, thin, with a checkpoint of its own for 5 classes, and for 3 classes its sizes and variables.
fn thin(
    folder: &Path,
    change: impl FnOnce(&mut Listed),
) -> (&'static zoo::Model, Sizes, PathBuf, VarMap) {
    let model = zoo::find("r3d-18").unwrap();
    let sizes = Sizes { input: [8, 16, 16], shrink: 16, ..model.sizes(5) };
    let wanted = model.wanted(&sizes).unwrap();
    let mut tensors = wanted.into_iter().map(|w| (w.name, w.shape)).collect();
    change(&mut tensors);
    let path = checkpoint(folder, &tensors);
    let sizes = Sizes { classes: 3, ..sizes };
    let (_, vars) = built(model, &sizes).unwrap();
    (model, sizes, path, vars)
}

#[test]
fn other_classes_begin_anew_and_so_does_what_is_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, sizes, path, vars) = thin(folder.path(), |_| ());
    let new = vec!["layer4.*".to_string(), "stem.1.bias".to_string()];
    let rules = InitRules { new, partial: false };
    let all = model.init(&sizes, &path, &vars, &rules).unwrap();
    assert!(all.is_sorted_by_key(|(name, _)| name) && all.len() == 102);
    for (name, begun) in all {
        let asked = name.starts_with("layer4.") || name == "stem.1.bias";
        let want = match &*name {
            "fc.weight" => Begun::New { why: NewBecause::Classes { from: vec![5, 32] } },
            "fc.bias" => Begun::New { why: NewBecause::Classes { from: vec![5] } },
            _ if asked => Begun::New { why: NewBecause::Asked },
            _ => Begun::Taken,
        };
        assert_eq!(begun, want, "{name}");
        let dims = vars.data().lock().unwrap()[&name].dims().to_vec();
        let taken = value(&vars, &name)? == values(&name, &dims);
        assert_eq!(taken, want == Begun::Taken, "{name}");
    }
    Ok(())
}

#[test]
fn a_part_is_taken_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let part = |tensors: &mut Listed| tensors.retain(|name, _| name.starts_with("stem."));
    let (model, sizes, path, vars) = thin(folder.path(), part);
    let Err(error) = model.init(&sizes, &path, &vars, &InitRules::default()) else {
        panic!("taken")
    };
    assert!(error.to_string().contains("97 missing (layer1.0.conv1.0.weight;"), "{error}");
    let rules = InitRules { partial: true, ..InitRules::default() };
    let all = model.init(&sizes, &path, &vars, &rules).unwrap();
    let (taken, new): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, begun)| *begun == Begun::Taken);
    assert!(taken.len() == 5 && taken.iter().all(|(name, _)| name.starts_with("stem.")));
    assert!(new.iter().all(|(_, begun)| *begun == Begun::New { why: NewBecause::Missing }));
    // What is asked for may be missing.
    let new = vec!["layer*".to_string(), "fc.*".to_string()];
    assert!(model.init(&sizes, &path, &vars, &InitRules { new, partial: false }).is_ok());
}

#[test]
fn what_cannot_be_is_told_and_nothing_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let odd = |tensors: &mut Listed| {
        tensors.insert("stem.1.bias".into(), vec![7]);
        tensors.insert("layer2.0.conv1.0.weight".into(), vec![8, 4, 3, 5, 5]);
        tensors.remove("layer3.0.conv1.0.weight");
    };
    let (model, sizes, path, vars) = thin(folder.path(), odd);
    let before = marey::train::digest(&vars);
    let refused = |new: &[&str], partial| {
        let rules = InitRules { new: new.iter().map(|&new| new.into()).collect(), partial };
        model.init(&sizes, &path, &vars, &rules).unwrap_err()
    };
    let error = refused(&[], true);
    let text = "0 missing, 2 of another shape (stem.1.bias: [7] instead of [4]; layer2.0.conv1.0.weight: \
                [8, 4, 3, 5, 5] instead of [8, 4, 3, 3, 3])";
    assert!(matches!(error, LoadError::Fit { .. }) && error.to_string().contains(text), "{error}");
    let error = refused(&["stem.1.*", "layer2.0.conv1.*"], false).to_string();
    assert!(error.contains("1 missing (layer3.0.conv1.0.weight), 0 of another"), "{error}");
    for (new, text) in [
        ("layer5.*", "pattern `layer5.*` matches no variable"),
        ("*.*", "more than one `*`"),
        ("*", "as same, all would begin anew"),
    ] {
        let error = refused(&[new], true);
        assert!(matches!(error, LoadError::Begin { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(marey::train::digest(&vars), before);

    let wider = Sizes { shrink: 8, ..sizes };
    let Err(error) = model.init(&wider, &path, &vars, &InitRules::default()) else {
        panic!("taken")
    };
    assert!(error.to_string().contains("expected a variable"), "{error}");
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (model, sizes, path, vars) = thin(folder.path(), |_| ());
    let mut tensors = weights::read(&path).unwrap().tensors;
    let odd = weights::Tensor::from_f32(vec![4], vec![f32::NAN; 4]).unwrap();
    tensors.insert("stem.1.bias".into(), odd);
    write(&path, &tensors, &BTreeMap::new()).unwrap();
    let begin = |new: &[&str]| {
        let new = new.iter().map(|&new| new.into()).collect();
        model.init(&sizes, &path, &vars, &InitRules { new, partial: true })
    };
    let error = begin(&[]).unwrap_err().to_string();
    assert!(error.contains("1 not of real numbers (stem.1.bias: F32)"), "{error}");
    assert!(begin(&["stem.1.bias"]).is_ok());
}
