use std::{fs, path::Path};

use super::*;
use crate::{checkpoint::write_tensors, tensor::Dtype};

/// A checkpoint of one tensor, without a tokenizer.
fn saved(dir: &Path, dtype: Dtype, values: &[f32]) -> Checkpoint {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"model_type": "llama"}"#).unwrap();
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = Tensor { dtype: Dtype::F32, shape: vec![values.len()], bytes };
    let tensors = [("model.norm.weight".to_owned(), tensor.rounded_to(dtype))].into();
    write_tensors(&dir.join("model.safetensors"), &tensors).unwrap();
    Checkpoint::open_weights(dir).unwrap()
}

#[test]
fn a_checkpoint_may_have_other_element_types_than_the_base() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let compared = |base: (Dtype, &[f32]), tuned: (Dtype, &[f32])| {
        let (base, tuned) = (saved(&one, base.0, base.1), saved(&other, tuned.0, tuned.1));
        let unedited = |_: &str| Ok::<_, CheckpointError>(None);
        let out_in = |_: &str, _: &[usize]| Orientation::OutIn;
        let found = compare(&base, &tuned, &unedited, &out_in, &mut |_| {})?;
        let change = found.steps.first().map(|step| step["model.norm.weight"].form.clone());
        let values = change.map(|form| match form {
            ChangeForm::Tuned(tensor) => tensor.to_f32(),
            other => panic!("{other:?}"),
        });
        Ok::<_, CheckpointError>((values, found.rounding))
    };
    let exact = [1.0, 0.5, -3.0];
    let finer = [1.0, 0.5, -3.0 - 1e-3];
    for half in [Dtype::F16, Dtype::Bf16] {
        // Saved in f32: what the base has, other numbers that it holds, and numbers that it does not.
        let (same, rounding) = compared((half, &exact), (Dtype::F32, &exact)).unwrap();
        assert_eq!((same, rounding.kept, rounding.rounded), (None, 0, 0));
        let (changed, rounding) =
            compared((half, &exact), (Dtype::F32, &[1.0, 0.75, -3.0])).unwrap();
        assert_eq!((changed, rounding.rounded), (Some(vec![1.0, 0.75, -3.0]), 0));
        let (changed, rounding) =
            compared((half, &exact), (Dtype::F32, &[1.0, 0.75, 0.1])).unwrap();
        assert_eq!((changed.unwrap()[2] == 0.1, rounding.rounded), (false, 1));
        assert!(rounding.greatest > 1e-5 && rounding.greatest < 4e-3, "{rounding:?}");

        // An f32 base saved in fewer bits: unchanged but for that, or taken as it is.
        let (same, rounding) = compared((Dtype::F32, &finer), (half, &finer)).unwrap();
        assert_eq!((same, rounding.kept, rounding.rounded), (None, 1, 0));
        assert!(rounding.greatest > 1e-6, "{rounding:?}");
        let (changed, rounding) = compared((Dtype::F32, &finer), (half, &[2.0, 0.5, 4.0])).unwrap();
        assert_eq!((changed, rounding.rounded), (Some(vec![2.0, 0.5, 4.0]), 0));
    }
    let large = compared((Dtype::F16, &exact), (Dtype::F32, &[1e30, 0.5, 0.0])).unwrap_err();
    assert!(large.to_string().contains("model.norm.weight is too large for F16"), "{large}");
}
