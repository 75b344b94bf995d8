//! What a checkout does to a directory in which there is more than kledger wrote.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use super::Sandbox;

/// Where each file of the user's is, and what it is: a file that was copied and removed is another one.
fn users(model: &Path) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
    ["notes.txt", "results/eval.json", "read-only", "latest", ".model.1-0.new/thesis"]
        .map(|name| {
            let path = model.join(name);
            let at = fs::symlink_metadata(&path).unwrap().ino();
            (path.clone(), (at, fs::read(&path).unwrap()))
        })
        .into()
}

fn add_users(model: &Path) {
    fs::create_dir_all(model.join("results")).unwrap();
    fs::create_dir_all(model.join(".model.1-0.new")).unwrap();
    fs::write(model.join(".model.1-0.new/thesis"), "years of work").unwrap();
    fs::write(model.join("results/eval.json"), "{}").unwrap();
    fs::write(model.join("notes.txt"), "years of work").unwrap();
    fs::write(model.join("read-only"), "mine").unwrap();
    fs::set_permissions(model.join("read-only"), fs::Permissions::from_mode(0o400)).unwrap();
    symlink("results/eval.json", model.join("latest")).unwrap();
}

/// The version that the directory says it holds.
fn held(model: &Path) -> String {
    let manifest: Value =
        serde_json::from_slice(&fs::read(model.join("kledger.json")).unwrap()).unwrap();
    manifest["commit"].as_str().unwrap().to_owned()
}

fn head(sandbox: &Sandbox) -> String {
    let status: Value = serde_json::from_str(&sandbox.run(&["status", "--json"]).done()).unwrap();
    status["data"]["head"]["commit"].as_str().unwrap().to_owned()
}

/// All names in the directory.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The whole directory used to be exchanged for another one, and what was in it was lost.
#[test]
fn the_users_files_stay() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::remove_dir_all(&model).unwrap();
    sandbox.run(&["checkout", "main"]).done();
    add_users(&model);
    let (before, at) = (users(&model), fs::metadata(&model).unwrap().ino());
    for words in [
        &["checkout", "draft"][..],
        &["checkout", "main"],
        &["checkout", "HEAD~1", "--to", "model"],
        &["checkout", "main~2"],
        &["checkout", "draft"],
        &["reset", "--hard", "HEAD~1"],
        &["undo"],
        &["bisect", "start", "main", "main~2"],
        &["bisect", "good"],
        &["bisect", "reset"],
    ] {
        let was = held(&model);
        sandbox.run(words).done();
        assert_eq!(users(&model), before, "{words:?}");
        assert_eq!(fs::metadata(&model).unwrap().ino(), at, "{words:?}: it is the same directory");
        if !["undo", "bisect"].contains(&words[0]) {
            assert_ne!(held(&model), was, "{words:?}");
            assert_eq!(held(&model), head(&sandbox), "{words:?}");
        }
        let left = names(&model).into_iter().find(|name| name.starts_with(".kledger"));
        assert_eq!(left, None, "{words:?}");
    }
    // What one version has and another has not goes with it.
    sandbox.run(&["checkout", "main"]).done();
    assert!(model.join("model-edited.safetensors").exists());
    sandbox.run(&["checkout", "main~2"]).done();
    assert!(!model.join("model-edited.safetensors").exists());
}

#[test]
fn what_the_user_changed_is_refused_by_name() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    let config = fs::read(model.join("config.json")).unwrap();
    let edited = fs::read(model.join("model-edited.safetensors")).unwrap();
    fs::write(model.join("config.json"), "{\"model_type\": \"mine\"}").unwrap();
    // As long as it was.
    let mut other = edited.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(model.join("model-edited.safetensors"), &other).unwrap();
    let (state, there) = (sandbox.state(), names(&model));
    for words in [
        &["checkout", "draft"][..],
        &["reset", "--hard", "HEAD~1"],
        &["bisect", "start", "main", "main~2"],
    ] {
        let message = sandbox.run(words).failed(1);
        assert!(
            message.contains(
                "model would lose config.json, changed since kledger wrote it; model-edited"
            ),
            "{message}"
        );
        assert!(message.contains("hint: ") && message.contains("--force"), "{message}");
        assert_eq!((sandbox.state(), names(&model)), (state.clone(), there.clone()), "{words:?}");
    }
    let told = sandbox.run(&["checkout", "draft", "--force"]).done();
    assert!(told.contains("config.json was in the way and is kept as config.json.orig"), "{told}");
    assert_eq!(fs::read(model.join("config.json")).unwrap(), config);
    assert_eq!(fs::read(model.join("config.json.orig")).unwrap(), b"{\"model_type\": \"mine\"}");
    assert_eq!(fs::read(model.join("model-edited.safetensors.orig")).unwrap(), other);
    // A second time it is another name.
    fs::write(model.join("config.json"), "{}").unwrap();
    let told = sandbox.run(&["reset", "--hard", "--force", "main", "--json"]).done();
    let told: Value = serde_json::from_str(&told).unwrap();
    let kept = serde_json::json!([{"name": "config.json", "to": "config.json.orig.2"}]);
    assert_eq!(told["data"]["set_aside"], kept);
    assert_eq!(fs::read(model.join("model-edited.safetensors")).unwrap(), edited);
}

/// Where kledger has something to write, and where a loader would take it for kledger's.
#[test]
fn what_is_in_the_way_is_refused_by_name() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    sandbox.run(&["checkout", "main~2"]).done();
    for (name, needed) in [("model-edited.safetensors", "main"), ("model.safetensors", "main~2")] {
        fs::create_dir(model.join(name)).unwrap();
        fs::write(model.join(name).join("inside"), "mine").unwrap();
        let (state, there) = (sandbox.state(), names(&model));
        let message = sandbox.run(&["checkout", needed]).failed(1);
        let said = format!("model would lose {name}, which kledger did not write");
        assert!(message.contains(&said), "{message}");
        assert_eq!((sandbox.state(), names(&model)), (state, there));
        sandbox.run(&["checkout", needed, "--force"]).done();
        let kept = model.join(format!("{name}.orig/inside"));
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
        sandbox.run(&["checkout", "main~2"]).done();
    }
    // What says the same as would be written is nothing to lose.
    let companions = ["generation_config.json", "vocab.json"];
    for name in companions {
        assert!(!model.join(name).exists(), "the base has none");
    }
    // Many are not all listed.
    sandbox.run(&["checkout", "main"]).done();
    let all: Vec<String> =
        names(&model).into_iter().filter(|name| name != "kledger.json").collect();
    for name in &all {
        if model.join(name).is_file() && !name.starts_with("notes") {
            fs::remove_file(model.join(name)).unwrap();
            fs::write(model.join(name), "changed").unwrap();
        }
    }
    let message = sandbox.run(&["checkout", "main"]).failed(1);
    assert!(message.matches("changed since kledger wrote it").count() <= 10, "{message}");
}

/// Manifests used not to list files.
#[test]
fn a_directory_that_an_earlier_kledger_wrote() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    let forget = || {
        let path = model.join("kledger.json");
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest.as_object_mut().unwrap().remove("files").unwrap();
        fs::write(&path, manifest.to_string()).unwrap();
    };
    forget();
    let told = sandbox.run(&["status", "--json"]).done();
    assert!(told.contains(r#""current":true,"files":null"#), "{told}");
    sandbox.run(&["checkout", "main~2"]).done();
    assert!(!model.join("model-edited.safetensors").exists());
    assert!(model.join("notes.txt").exists());
    sandbox.run(&["checkout", "main"]).done();
    forget();
    fs::write(model.join("config.json"), "{}").unwrap();
    let message = sandbox.run(&["checkout", "main~2"]).failed(1);
    assert!(message.contains("model would lose config.json, changed since"), "{message}");
    assert_eq!(fs::read_to_string(model.join("config.json")).unwrap(), "{}");
    sandbox.run(&["checkout", "main~2", "--force"]).done();
    assert_eq!(fs::read_to_string(model.join("config.json.orig")).unwrap(), "{}");
}

/// A link used to be replaced by a directory.
#[test]
fn links_are_followed_and_stay() {
    let sandbox = Sandbox::with_words();
    let root = sandbox.root();
    let model = root.join("model");
    fs::create_dir_all(sandbox.dir.path().join("disk/models")).unwrap();
    symlink("../disk/models", &model).unwrap();
    for revision in ["main", "HEAD~1", "main"] {
        sandbox.run(&["checkout", revision]).done();
        assert!(fs::symlink_metadata(&model).unwrap().is_symlink());
        assert_eq!(held(&sandbox.dir.path().join("disk/models")), head(&sandbox));
    }
    symlink("../disk/export", root.join("out")).unwrap();
    fs::create_dir(sandbox.dir.path().join("disk/export")).unwrap();
    sandbox.run(&["export", "HEAD", "out"]).done();
    assert!(fs::symlink_metadata(root.join("out")).unwrap().is_symlink());
    assert!(sandbox.dir.path().join("disk/export/model.safetensors").exists());
    let (state, there) = (sandbox.state(), names(&root));
    for (target, said) in [
        (Some("nowhere"), "is a link to nowhere, which is not there"),
        (Some("other"), "is a link to other: "),
        (None, "is no directory"),
    ] {
        match target {
            Some(target) => symlink(target, root.join("other")).unwrap(),
            None => sandbox.write("other", "mine"),
        }
        for words in [&["checkout", "main", "--to", "other"][..], &["export", "main", "other"]] {
            let message = sandbox.run(words).failed(1);
            assert!(message.contains(said) && message.contains("hint: "), "{message}");
        }
        assert!(fs::symlink_metadata(root.join("other")).is_ok(), "{said}");
        fs::remove_file(root.join("other")).unwrap();
        assert_eq!((sandbox.state(), names(&root)), (state.clone(), there.clone()), "{said}");
    }
}

/// A checkout used to be written from whatever the base had become.
#[test]
fn a_damaged_base_is_not_written() {
    let sandbox = Sandbox::with_history();
    let root = sandbox.root();
    sandbox.run(&["export", "HEAD", "mine"]).done();
    let shared = root.join(".kledger/base/model-00001.safetensors");
    let path = root.join(".kledger/base/tokenizer.json");
    for path in [shared, path] {
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let write = |bytes: &[u8]| {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(&path, bytes).unwrap();
        };
        write(&damaged);
        for words in [
            &["checkout", "main", "--to", "new"][..],
            &["export", "HEAD", "out"],
            &["import", "--from-checkpoint", "mine", "--no-check"],
            &["diff", "--weights", "main~2", "main"],
        ] {
            let output = sandbox.run(words);
            assert_eq!(output.code, 3, "{words:?}: {output:#?}");
            assert!(output.stderr.contains("the base is damaged"), "{words:?}: {output:#?}");
        }
        assert!(!root.join("new").exists() && !root.join("out").exists());
        write(&whole);
        sandbox.run(&["checkout", "main", "--to", "new", "--force"]).done();
        fs::remove_dir_all(root.join("new")).unwrap();
    }
}

/// What is copied, and not the base's own file, used to be acknowledged before it was on disk.
#[test]
fn shards_that_are_copied_are_synced() {
    let sandbox = Sandbox::with_history();
    let elsewhere = Path::new("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    // Where there is no second file system, files of one's own are never written as copies.
    let Some(_) = device(elsewhere).filter(|other| Some(*other) != device(&sandbox.root())) else {
        return;
    };
    let to = tempfile::tempdir_in(elsewhere).unwrap();
    let log = sandbox.dir.path().join("faults");
    let mut command =
        sandbox.command(&["checkout", "main~2", "--to", to.path().join("a").to_str().unwrap()]);
    command.env("KLEDGER_FAULT_LOG", &log);
    sandbox.finish(command, "").done();
    let passed = fs::read_to_string(&log).unwrap();
    let count = |what: &str| passed.lines().filter(|line| line.starts_with(what)).count();
    let shards = names(&to.path().join("a")).into_iter();
    let shards = shards.filter(|name| name.ends_with(".safetensors")).count();
    assert!(shards > 0);
    assert_eq!(count("checkout: before a shard is linked"), shards);
    assert_eq!(count("checkout: before a shard is synced"), shards);
}

#[test]
fn status_says_what_became_of_the_checkout() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::remove_dir_all(&model).unwrap();
    sandbox.run(&["checkout", "main"]).done();
    let files = |words: &[&str]| -> Value {
        let told: Value = serde_json::from_str(&sandbox.run(words).done()).unwrap();
        told["data"]["checkout"]["files"].clone()
    };
    let nothing = serde_json::json!({"changed": [], "deleted": [], "added": [], "more": 0});
    assert_eq!(files(&["status", "--json"]), nothing);
    // Written again, with another time and number, it is what it was.
    let config = fs::read(model.join("config.json")).unwrap();
    fs::remove_file(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config).unwrap();
    assert_eq!(files(&["status", "--json"]), nothing);
    fs::write(model.join("config.json"), "{}").unwrap();
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    fs::create_dir(model.join("results")).unwrap();
    for number in 0..30 {
        fs::write(model.join(format!("note {number:02}")), "").unwrap();
    }
    sandbox.run(&["switch", "draft"]).done();
    let told = sandbox.run(&["status"]).done();
    let expected = "  checked out in <dir>/repo/model: <id>, not where HEAD is
    changed  config.json
    deleted  tokenizer.json
    added    note 00
    added    note 01
";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("    added    note 17\n    and 13 more (-v lists them)\n"), "{told}");
    assert!(sandbox.run(&["status", "-v"]).done().contains("    added    results/\n"));
    let all = files(&["status", "--json"]);
    assert_eq!((all["added"].as_array().unwrap().len(), &all["more"]), (31, &0.into()));
    let some = files(&["status", "--json", "-n", "1"]);
    assert_eq!(some["changed"], serde_json::json!(["config.json"]));
    assert_eq!((&some["deleted"], &some["more"]), (&serde_json::json!([]), &32.into()));
}

/// Several at once, and another place to stand in: what is left is one version, and it is HEAD's.
#[test]
fn checkouts_at_the_same_time() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    let notes = fs::metadata(model.join("notes.txt")).unwrap().ino();
    for _ in 0..3 {
        let at_work: Vec<_> = ["main", "draft", "main~2", "main", "draft"]
            .iter()
            .map(|revision| {
                let mut command = sandbox.command(&["checkout", revision]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in at_work {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() || said.contains("is in use"), "{said}");
        }
        assert_eq!(held(&model), head(&sandbox));
        let told = sandbox.run(&["status", "--json"]).done();
        assert!(told.contains(r#""changed":[],"deleted":[]"#), "{told}");
        assert_eq!(fs::metadata(model.join("notes.txt")).unwrap().ino(), notes);
        assert!(!names(&model).iter().any(|name| name.starts_with(".kledger")));
    }
}
