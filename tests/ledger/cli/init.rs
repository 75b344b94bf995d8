//! `kledger init`.

use std::{fs, os::unix::fs::symlink, path::Path};

use insta::assert_snapshot;

use super::{Sandbox, make_a_pipe};

#[test]
fn a_repository_is_made_around_a_model() {
    let made = Sandbox::bare().run(&["init", "--anyway", "--model", "../base"]).done();
    // A build that runs models says that the stand-in is none.
    let noted =
        |line: &&str| line.starts_with("  for history alone: no edit can be made in this model");
    assert_eq!(made.lines().filter(noted).count(), usize::from(cfg!(feature = "torch")));
    let made: Vec<&str> = made.lines().filter(|line| !noted(line)).collect();
    assert_snapshot!(made.join("\n"), @"
    Repository in <dir>/repo
    [main <id>] base stand-in
      8200 parameters in 3 tensors, templates for 219 predicates
    ");
}

#[test]
fn json_names_the_first_commit() {
    let sandbox = Sandbox::bare();
    let made = sandbox.data(&["init", "--anyway", "--model", "../base"]);
    assert_eq!(sandbox.data(&["show"])["commit"]["id"], made["commit"]);
}

#[test]
fn a_repository_that_is_there_already_stays() {
    let sandbox = Sandbox::new();
    sandbox.refused(&["init", "--model", "../base"], 1, &["repository already"]);
}

#[test]
fn a_model_is_wanted() {
    Sandbox::bare().misused(&[&["init"], &["init", "--model"]]);
}

/// Runs `init` on the model after `spoil` and looks for `part` in the error; nothing may be left.
#[track_caller]
fn spoilt(spoil: impl FnOnce(&Path), part: &str) {
    let sandbox = Sandbox::bare();
    spoil(&sandbox.dir.path().join("base"));
    let message = sandbox.run(&["init", "--model", "../base"]).failed(1);
    assert!(message.contains(part), "{part:?} is not in\n{message}");
    assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 0, "init left something behind");
}

#[test]
fn a_model_that_is_no_directory_is_refused() {
    spoilt(|base| fs::remove_dir_all(base).unwrap(), "base is not there");
    let file = |base: &Path| {
        fs::remove_dir_all(base).unwrap();
        fs::write(base, "no directory").unwrap();
    };
    spoilt(file, "base is not a directory");
}

#[test]
fn a_model_that_is_not_whole_is_refused() {
    for file in ["tokenizer.json", "config.json"] {
        spoilt(|base| fs::remove_file(base.join(file)).unwrap(), file);
    }
    spoilt(|base| fs::write(base.join("config.json"), "{").unwrap(), "config.json");
    let shorten = |base: &Path| {
        let path = base.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    spoilt(shorten, "model.safetensors");
}

/// A model whose index of shards names files elsewhere is refused before they are opened.
#[test]
fn models_that_name_files_elsewhere() {
    let sandbox = Sandbox::bare();
    let base = sandbox.dir.path().join("base");
    fs::rename(base.join("model.safetensors"), sandbox.dir.path().join("secret.safetensors"))
        .unwrap();
    let absolute = sandbox.dir.path().join("secret.safetensors");
    for shard in ["../secret.safetensors", absolute.to_str().unwrap(), "./../secret.safetensors"] {
        let map = ["h.0.mlp.c_proj.weight", "layers.1.mlp.down_proj.weight", "embed.weight"]
            .map(|name| (name.to_owned(), shard.into()));
        let map: serde_json::Map<String, serde_json::Value> = map.into_iter().collect();
        let index = serde_json::json!({ "weight_map": map });
        fs::write(base.join("model.safetensors.index.json"), index.to_string()).unwrap();
        let message = sandbox.run(&["init", "--model", "../base"]).failed(1);
        assert!(message.contains("is not the name of a file beside it"), "{message}");
        assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 0);
    }
}

/// A pipe used to keep kledger waiting for somebody who writes.
#[test]
fn files_that_are_pipes_or_devices_are_refused() {
    for file in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "vocab.json",
        "model.safetensors.index.json",
    ] {
        spoilt(|base| make_a_pipe(&base.join(file)), "it is a pipe, not a regular file");
    }
    let zero = |base: &Path| {
        fs::remove_file(base.join("config.json")).unwrap();
        symlink("/dev/zero", base.join("config.json")).unwrap();
    };
    spoilt(zero, "it is a device, not a regular file");
}

/// Writes a model whose header says that it has `length` bytes.
fn header(length: u64, text: &str) -> impl FnOnce(&Path) {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    move |base| fs::write(base.join("model.safetensors"), bytes).unwrap()
}

/// What a header says is not believed, and costs nothing.
#[test]
fn a_header_that_says_too_much_is_refused() {
    spoilt(header(u64::MAX, "{}"), "model.safetensors");
    spoilt(header(90_000_000, "{}"), "its header is said to have 90000000 bytes");
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}0000"#;
    spoilt(header(overlap.len() as u64 - 4, overlap), "model.safetensors");
    let huge = r#"{"a":{"dtype":"F32","shape":[18446744073709551615,4],"data_offsets":[0,4]}}0000"#;
    spoilt(header(huge.len() as u64 - 4, huge), "model.safetensors");
}

#[test]
fn a_configuration_that_is_too_deep_or_too_long_is_refused() {
    let deep = "[".repeat(200_000);
    spoilt(|base| fs::write(base.join("config.json"), &deep).unwrap(), "config.json");
    let long = |base: &Path| {
        fs::File::create(base.join("config.json")).unwrap().set_len(1 << 40).unwrap();
    };
    spoilt(long, "at most 16777216 are read");
}

/// A copy of the model goes along with every checkout: it brings no file of its users' along.
#[test]
fn links_that_lead_out_of_the_model_are_refused() {
    for (file, target) in [("vocab.json", "secret"), ("model.safetensors", "weights")] {
        let sandbox = Sandbox::bare();
        let (there, target) =
            (sandbox.dir.path().join("base").join(file), sandbox.dir.path().join(target));
        if fs::rename(&there, &target).is_err() {
            fs::write(&target, "{\"a\": \"secret\"}").unwrap();
        }
        symlink(&target, &there).unwrap();
        let said = sandbox.run(&["init", "--model", "../base"]).failed(1);
        assert!(said.contains(&format!("/base/{file} is a link to <dir>/")), "{said}");
        assert!(said.contains("cp -rL"), "{said}");
        assert!(!sandbox.root().join(".kledger").exists());
    }
}

/// As the Hugging Face cache has it.
#[test]
fn a_cache_of_links_is_a_model() {
    let sandbox = Sandbox::bare();
    let hub = sandbox.dir.path().join("hub/models--a");
    let snapshot = hub.join("snapshots/1");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir(hub.join("blobs")).unwrap();
    for entry in fs::read_dir(sandbox.dir.path().join("base")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        fs::copy(&path, hub.join("blobs").join(name)).unwrap();
        symlink(Path::new("../../blobs").join(name), snapshot.join(name)).unwrap();
    }
    sandbox.run(&["init", "--anyway", "--model", "../hub/models--a/snapshots/1"]).done();
    sandbox.run(&["fsck"]).done();
    let copies = super::links::tree(&sandbox.root().join(".kledger/base"));
    assert!(copies.keys().all(|path| !path.is_symlink()));
}
