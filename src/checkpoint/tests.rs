use std::{collections::BTreeMap, fs, path::Path};

use super::*;
use crate::tensor::{Dtype, Tensor};

/// A checkpoint of three tensors, one of which editors change, and one of a type they do not.
fn checkpoint(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"model_type": "gpt2"}"#).unwrap();
    fs::write(dir.join("tokenizer.json"), "{}").unwrap();
    let bytes: Vec<u8> = (0..24).collect();
    let view = |dtype, shape: &[usize], size| {
        safetensors::tensor::TensorView::new(dtype, shape.to_vec(), &bytes[..size]).unwrap()
    };
    let tensors = [
        ("h.0.mlp.c_proj.weight", view(safetensors::Dtype::F16, &[2, 3], 12)),
        ("h.0.mlp.c_proj.bias", view(safetensors::Dtype::F32, &[3], 12)),
        ("mask", view(safetensors::Dtype::BOOL, &[3], 3)),
    ];
    safetensors::serialize_to_file(tensors, None, &dir.join("model.safetensors")).unwrap();
}

/// What differs between a copy and its fingerprint, when nothing is known of it.
fn differences(copy: &Path, base: &Base) -> Vec<String> {
    let nothing = Verified::nothing(crate::codec::id_of(base));
    verify(copy, base, &nothing, Reading::All).unwrap().0
}

fn edit() -> BTreeMap<String, Tensor> {
    let tensor = Tensor { dtype: Dtype::F16, shape: vec![2, 3], bytes: vec![7; 12] };
    [("h.0.mlp.c_proj.weight".to_owned(), tensor)].into()
}

#[test]
fn a_base_keeps_its_fingerprint_however_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let [source, copy, again] = ["source", "copy", "again"].map(|name| dir.path().join(name));
    checkpoint(&source);
    fs::create_dir(&copy).unwrap();
    fs::create_dir(&again).unwrap();
    let base = import(&source, &copy, &mut |_, _| {}).unwrap();
    assert!(copy.join("model.safetensors.index.json").is_file(), "the copy is cut in shards");
    assert_eq!(import(&copy, &again, &mut |_, _| {}).unwrap(), base);
    assert_eq!(differences(&copy, &base), Vec::<String>::new());
}

#[test]
fn a_changed_base_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let [source, copy] = ["source", "copy"].map(|name| dir.path().join(name));
    checkpoint(&source);
    fs::create_dir(&copy).unwrap();
    let base = import(&source, &copy, &mut |_, _| {}).unwrap();
    let shard = copy.join("model-00002.safetensors");
    let mut bytes = fs::read(&shard).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&shard).unwrap();
    fs::write(&shard, bytes).unwrap();
    assert_eq!(differences(&copy, &base), ["tensor h.0.mlp.c_proj.weight has changed"]);
}

/// What is known of a file holds until its stamp is another; then it is read, whatever is known.
#[test]
fn only_what_may_have_changed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let [source, copy] = ["source", "copy"].map(|name| dir.path().join(name));
    checkpoint(&source);
    fs::create_dir(&copy).unwrap();
    let base = import(&source, &copy, &mut |_, _| {}).unwrap();
    let nothing = Verified::nothing(crate::codec::id_of(&base));
    let (found, known) = verify(&copy, &base, &nothing, Reading::Changed).unwrap();
    assert_eq!(found, Vec::<String>::new());
    let names: Vec<_> = known.files.iter().map(|file| file.name.as_str()).collect();
    let mut expected: Vec<_> =
        fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    expected.sort();
    assert_eq!(names, expected);
    assert!(known.holds(&copy).unwrap());
    for name in names {
        let path = copy.join(name);
        let whole = fs::read(&path).unwrap();
        let changed = known.hash(name).map(|hash| *hash.as_bytes());
        assert_eq!(changed, Some(*blake3::hash(&whole).as_bytes()), "{name}");
        fs::remove_file(&path).unwrap();
        // Left out of a damaged table are tensors that nobody else would miss.
        let other = match name {
            INDEX => String::from_utf8(whole.clone()).unwrap().replace("\"mask\"", "\"musk\""),
            _ => String::new(),
        };
        fs::write(&path, &other).unwrap();
        assert!(!known.holds(&copy).unwrap(), "{name}");
        assert!(
            verify(&copy, &base, &known, Reading::Changed)
                .map_or(true, |(found, _)| !found.is_empty()),
            "{name}"
        );
        fs::write(&path, &whole).unwrap();
        assert_eq!(verify(&copy, &base, &known, Reading::Changed).unwrap().0, [""; 0], "{name}");
    }
    let noted = |modified| crate::durable::Stamp { size: 0, modified, inode: 0 };
    assert_eq!(known.clone().noted_in(&noted(i64::MAX)), known);
    assert_eq!(known.noted_in(&noted(0)).files, []);
}

#[test]
fn a_checkout_shares_what_is_not_edited() {
    let dir = tempfile::tempdir().unwrap();
    let [source, copy, out] = ["source", "copy", "out"].map(|name| dir.path().join(name));
    checkpoint(&source);
    fs::create_dir(&copy).unwrap();
    fs::create_dir(&out).unwrap();
    import(&source, &copy, &mut |_, _| {}).unwrap();
    let base = Checkpoint::open(&copy).unwrap();
    write_checkout(&base, &edit(), &out).unwrap();
    let version = Checkpoint::open(&out).unwrap();
    assert!(version.names().eq(base.names()));
    assert_eq!(version.tensor("h.0.mlp.c_proj.weight").unwrap(), edit()["h.0.mlp.c_proj.weight"]);
    assert_eq!(version.raw("mask").unwrap(), base.raw("mask").unwrap());
    let files: Vec<&str> = version.shards().map(|(file, _)| file).collect();
    assert_eq!(files, ["model-00001.safetensors", EDITED_SHARD]);
}

#[test]
fn an_edited_tensor_leaves_the_shard_it_shared() {
    let dir = tempfile::tempdir().unwrap();
    let [source, out, merged] = ["source", "out", "merged"].map(|name| dir.path().join(name));
    checkpoint(&source);
    fs::create_dir(&out).unwrap();
    fs::create_dir(&merged).unwrap();
    let base = Checkpoint::open(&source).unwrap();
    write_checkout(&base, &edit(), &out).unwrap();
    write_merged(&base, &edit(), &merged).unwrap();
    let (version, merged) = (Checkpoint::open(&out).unwrap(), Checkpoint::open(&merged).unwrap());
    for (_, names) in version.shards() {
        assert!(names.len() < 3, "no tensor is in two shards");
    }
    for name in base.names() {
        assert_eq!(version.raw(name).unwrap(), merged.raw(name).unwrap());
    }
}

#[test]
fn bad_checkpoints_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let refuse = |what: &str| {
        let error = Checkpoint::open(&path).unwrap_err();
        assert!(error.to_string().contains(what), "{error} does not say {what}");
        error
    };
    checkpoint(&path);
    let whole = fs::read(path.join("model.safetensors")).unwrap();
    for end in [0, 5, 40, whole.len() - 1] {
        fs::write(path.join("model.safetensors"), &whole[..end]).unwrap();
        refuse("is not a whole safetensors file");
    }
    fs::remove_file(path.join("model.safetensors")).unwrap();
    refuse("has no model.safetensors");
    fs::write(path.join("pytorch_model.bin"), "").unwrap();
    assert!(refuse("pickle").hint().unwrap().contains("save_pretrained"));
    let index = |map| {
        let text = serde_json::json!({ "weight_map": map }).to_string();
        fs::write(path.join("model.safetensors.index.json"), text).unwrap();
    };
    index(serde_json::json!({ "mask": "../other.safetensors" }));
    refuse("is not the name of a file beside it");
    fs::write(path.join("a.safetensors"), &whole).unwrap();
    index(serde_json::json!({ "mask": "a.safetensors", "absent": "a.safetensors" }));
    refuse("says that absent is in a.safetensors");
    fs::remove_file(path.join("tokenizer.json")).unwrap();
    assert!(refuse("has no tokenizer.json").hint().unwrap().contains("AutoTokenizer"));
}

/// A safetensors file of tensors of one f32 each, by hand: where each begins, and all bytes.
fn shard(path: &Path, tensors: &[(&str, usize)], bytes: &[u8]) {
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, start)| {
            let end = start + 4;
            format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{start},{end}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, header.as_bytes(), bytes].concat()).unwrap();
}

/// A directory of shards by hand, with an index if there is a map.
fn sharded(dir: &Path, map: &serde_json::Value) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"model_type": "gpt2"}"#).unwrap();
    fs::write(dir.join("tokenizer.json"), "{}").unwrap();
    if !map.is_null() {
        let index = serde_json::json!({ "weight_map": map }).to_string();
        fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
    }
}

#[test]
fn a_shard_may_list_its_tensors_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let [source, copy] = ["source", "copy"].map(|name| dir.path().join(name));
    sharded(&source, &serde_json::Value::Null);
    let bytes: Vec<u8> = (0..12).collect();
    shard(&source.join("model.safetensors"), &[("a", 8), ("c", 0), ("b", 4)], &bytes);
    let open = Checkpoint::open(&source).unwrap();
    for (name, start) in [("a", 8), ("b", 4), ("c", 0)] {
        assert_eq!(open.raw(name).unwrap().2, &bytes[start..start + 4], "{name}");
    }
    // The same tensors listed as they lie are the same base.
    let base = import(&source, &fresh(&copy), &mut |_, _| {}).unwrap();
    shard(&source.join("model.safetensors"), &[("c", 0), ("b", 4), ("a", 8)], &bytes);
    let again = dir.path().join("again");
    assert_eq!(import(&source, &fresh(&again), &mut |_, _| {}).unwrap(), base);
}

fn fresh(dir: &Path) -> std::path::PathBuf {
    fs::create_dir(dir).unwrap();
    dir.to_owned()
}

#[test]
fn holes_and_overlaps_are_refused_as_safetensors_does() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), &serde_json::Value::Null);
    let whole: &[(&str, usize)] = &[("a", 0), ("b", 4)];
    for (what, tensors, bytes) in [
        ("a hole", &[("a", 0), ("b", 8)][..], 12),
        ("a hole at the front", &[("a", 4), ("b", 8)], 12),
        ("an overlap", &[("a", 0), ("b", 2)], 6),
        ("a name twice", &[("a", 0), ("a", 4)], 8),
        ("bytes of no tensor", whole, 12),
        ("bytes that are not there", whole, 4),
    ] {
        shard(&dir.path().join("model.safetensors"), tensors, &vec![0; bytes]);
        let error = Checkpoint::open(dir.path()).unwrap_err();
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{what}: {error}");
    }
    shard(&dir.path().join("model.safetensors"), whole, &[0; 8]);
    assert!(Checkpoint::open(dir.path()).is_ok());
}

#[test]
fn of_a_tensor_in_two_shards_the_index_says_which_counts() {
    let dir = tempfile::tempdir().unwrap();
    let map = |a: &str| serde_json::json!({ "a": a, "b": "2.safetensors" });
    sharded(dir.path(), &map("1.safetensors"));
    shard(&dir.path().join("1.safetensors"), &[("a", 0)], &[1; 4]);
    shard(&dir.path().join("2.safetensors"), &[("a", 0), ("b", 4)], &[2; 8]);
    let a = || Checkpoint::open(dir.path()).unwrap().raw("a").unwrap().2.to_vec();
    assert_eq!(a(), [1; 4]);
    sharded(dir.path(), &map("2.safetensors"));
    assert_eq!(a(), [2; 4]);
    let copy = fresh(&dir.path().join("copy"));
    import(dir.path(), &copy, &mut |_, _| {}).unwrap();
    let copy = Checkpoint::open(&copy).unwrap();
    assert_eq!(copy.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(copy.raw("a").unwrap().2, [2; 4]);
}

#[test]
fn a_shard_that_the_index_names_and_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), &serde_json::json!({ "a": "1.safetensors", "b": "2.safetensors" }));
    shard(&dir.path().join("1.safetensors"), &[("a", 0)], &[1; 4]);
    let error = Checkpoint::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("has no 2.safetensors"), "{error}");
    assert!(error.hint().unwrap().contains("model.safetensors.index.json"));
}
