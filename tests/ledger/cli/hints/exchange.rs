//! Models, versions that are written out, and changes that come in.

use std::{fs, os::unix::fs::symlink, path::Path};

use kledger::{checkpoint::Checkpoint, ledger::Repo};
use regex::Regex;

use super::{Sandbox, advised};
use crate::support::{copy, stand_in};

const NO_CHECK: &str = "--no-check";

/// `init` refuses the model after `spoil`, and takes it after `mend`.
#[track_caller]
fn model(spoil: impl Fn(&Path), hint: &str, mend: impl Fn(&Path)) {
    let sandbox = Sandbox::bare();
    let base = sandbox.dir.path().join("base");
    spoil(&base);
    let advice = advised(&sandbox, &["init", "--anyway", "--model", "../base"], hint);
    mend(&base);
    assert!(advice.again().starts_with("Repository in "));
}

fn again(base: &Path) {
    stand_in::write_checkpoint(base, stand_in::INPUTS);
}

/// What Python's libraries would write is written by the test.
#[test]
fn a_model_is_completed_or_converted() {
    let hint = "name a directory on this machine; nothing is fetched: hf download NAME";
    model(|base| fs::remove_dir_all(base).unwrap(), hint, again);
    let without = |file: &'static str| move |base: &Path| fs::remove_file(base.join(file)).unwrap();
    let hint = "write one with AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)";
    model(without("tokenizer.json"), hint, again);
    let hint = "name a directory as transformers' save_pretrained writes it";
    model(without("config.json"), hint, again);
    let pickle = |base: &Path| {
        fs::rename(base.join("model.safetensors"), base.join("pytorch_model.bin")).unwrap();
    };
    model(pickle, "convert it: python -c \"from transformers import", again);
    let cut = |base: &Path| {
        let path = base.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    };
    let hint = "the download or copy may be incomplete: fetch the checkpoint again";
    model(cut, hint, again);
    let missing = |base: &Path| {
        fs::remove_file(base.join("model.safetensors")).unwrap();
        let index = r#"{"weight_map": {"embed.weight": "model-1.safetensors"}}"#;
        fs::write(base.join("model.safetensors.index.json"), index).unwrap();
    };
    let fetch = |base: &Path| {
        fs::remove_dir_all(base).unwrap();
        again(base);
    };
    model(missing, " names it: fetch the checkpoint again", fetch);
}

#[test]
fn a_model_of_links_is_copied_with_its_files() {
    let sandbox = Sandbox::bare();
    let (base, vocabulary) = (sandbox.dir.path().join("base"), sandbox.dir.path().join("vocab"));
    fs::write(&vocabulary, "{}").unwrap();
    symlink(&vocabulary, base.join("vocab.json")).unwrap();
    let hint = "a copy of the model is handed on with every checkout; if that file belongs to it";
    let advice = advised(&sandbox, &["init", "--anyway", "--model", "../base"], hint);
    advice.shell("cp -rL DIR NEW", &[("DIR", "../base"), ("NEW", "../new")]);
    sandbox.run(&["init", "--anyway", "--model", "../new"]).done();
}

#[test]
fn another_directory_is_named() {
    let sandbox = Sandbox::with_history();
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/letter.txt", "Dear");
    let hint = "name an empty or new directory";
    advised(&sandbox, &["checkout", "--to", "mine"], hint);
    let facts = ["export", "--format", "nt", "HEAD", "mine/letter.txt"];
    advised(&sandbox, &facts, "name a file that is not there yet");
    sandbox.run(&["export", "--format", "nt", "HEAD", "mine/new.nt"]).done();
    sandbox.run(&["checkout", "--to", "new"]).done();
    advised(&sandbox, &["export", "HEAD", "mine"], hint);
    fs::create_dir(sandbox.root().join("empty")).unwrap();
    sandbox.run(&["export", "HEAD", "empty"]).done();

    sandbox.write("file", "");
    let hint =
        "name a directory, or a place where nothing is; checkout writes where --to or the setting";
    advised(&sandbox, &["export", "HEAD", "file"], hint);
    sandbox.run(&["export", "HEAD", "exported"]).done();
    advised(&sandbox, &["checkout", "--to", "file"], hint);
    sandbox.run(&["checkout", "--to", "elsewhere"]).done();
    sandbox.run(&["config", "set", "checkout", "file"]).done();
    let advice = advised(&sandbox, &["checkout", "main"], hint);
    sandbox.run(&["config", "set", "checkout", "yet-another"]).done();
    advice.again();
}

#[test]
fn what_is_in_the_way_makes_room() {
    let sandbox = Sandbox::with_history();
    let hint =
        "move them away, or give kledger checkout (or reset --hard) --force, which keeps each";
    let config = sandbox.root().join("model/config.json");
    let change = || {
        fs::remove_file(&config).unwrap();
        fs::write(&config, "mine").unwrap();
    };
    change();
    let advice = advised(&sandbox, &["checkout", "draft"], hint);
    advice.with(&["--force"]);
    assert_eq!(fs::read_to_string(config.with_extension("json.orig")).unwrap(), "mine");
    change();
    let advice = advised(&sandbox, &["reset", "--hard", "HEAD"], hint);
    let moved = sandbox.dir.path().join("mine.json");
    fs::rename(&config, &moved).unwrap();
    advice.again();
    assert_ne!(fs::read_to_string(&config).unwrap(), "mine");
    change();
    advised(&sandbox, &["reset", "--hard", "HEAD"], hint).with(&["--force"]);
}

#[test]
fn a_version_that_no_adapter_holds_is_written_whole() {
    let sandbox = Sandbox::with_words();
    let peft = ["export", "--format", "peft", "HEAD", "out"];
    let advice = advised(&sandbox, &peft, "--format merged writes any version whole");
    assert!(advice.hint.contains("--format merged"));
    sandbox.run(&["export", "--format", "merged", "HEAD", "out"]).done();
    Checkpoint::open(&sandbox.root().join("out")).unwrap();
}

#[test]
fn what_comes_in_is_named_as_what_it_is() {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("adapter");
    let import = |from: &'static str, dir: &'static str| ["import", from, dir, NO_CHECK];
    let hint = "write one with kledger export --format delta REV DIR; adapters and checkpoints come in with";
    let advice = advised(&sandbox, &import("--from-delta", "adapter"), hint);
    assert!(advice.hint.contains("--from-peft"));
    let other = Sandbox::with_words();
    sandbox.run(&import("--from-peft", "adapter")).done();
    let fill = [("REV", "HEAD"), ("DIR", "delta")];
    advice.run("kledger export --format delta REV DIR", &fill);
    let delta = sandbox.root().join("delta");
    other.run(&["import", "--from-delta", delta.to_str().unwrap(), NO_CHECK]).done();

    let other = Sandbox::with_words();
    other.write_adapter("adapter");
    copy_dir(&delta, &other.root().join("delta"));
    let advice =
        advised(&other, &import("--from-peft", "delta"), "it holds a delta: --from-delta ");
    let dir = advice.hint.rsplit(' ').next().unwrap();
    other.run(&["import", "--from-delta", dir, NO_CHECK]).done();
    let hint = "it holds an adapter: kledger import --from-peft ";
    let advice = advised(&other, &import("--from-checkpoint", "adapter"), hint);
    let command = advice.hint.strip_prefix("it holds an adapter: kledger ").unwrap();
    let words: Vec<&str> = command.split(", in ").next().unwrap().split(' ').collect();
    // It is in HEAD with the delta: in a repository that has not got it.
    let third = Sandbox::with_words();
    third.run(&[&words[..], &[NO_CHECK]].concat()).done();
    third.run(&["export", "HEAD", "merged"]).done();
    let merged = third.root().join("merged");
    let third = Sandbox::with_words();
    let words = ["import", "--from-peft", merged.to_str().unwrap(), NO_CHECK];
    let advice = advised(&third, &words, "it holds a checkpoint: --from-checkpoint ");
    let dir = advice.hint.rsplit(' ').next().unwrap();
    third.run(&["import", "--from-checkpoint", dir, NO_CHECK]).done();

    fs::create_dir(third.root().join("empty")).unwrap();
    let hint = "name a directory as save_pretrained of a PeftModel writes it";
    advised(&third, &import("--from-peft", "empty"), hint);
    third.write_adapter("adapter");
    third.run(&import("--from-peft", "adapter")).done();
}

/// Copies a directory to a place where nothing is.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    copy(from, to);
}

/// What PEFT would write is written by the test.
#[test]
fn adapters_are_converted_or_merged() {
    let import = ["import", "--from-peft", "adapter", NO_CHECK];
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("adapter");
    let weights = sandbox.root().join("adapter/adapter_model.safetensors");
    let kept = sandbox.dir.path().join("kept");
    fs::rename(&weights, &kept).unwrap();
    sandbox.write("adapter/adapter_model.bin", "");
    let hint = "convert it: python -c \"import torch, safetensors.torch as s";
    let advice = advised(&sandbox, &import, hint);
    assert!(advice.hint.contains("/adapter/adapter_model.safetensors')"));
    fs::rename(&kept, &weights).unwrap();
    advice.again();
    sandbox.run(&["export", "HEAD", "merged"]).done();

    let sandbox = {
        let other = Sandbox::with_words();
        copy_dir(&sandbox.root().join("merged"), &other.root().join("merged"));
        other
    };
    sandbox.write_adapter("adapter");
    sandbox.write("adapter/adapter_config.json", r#"{"peft_type": "LORA", "use_dora": true}"#);
    let hint =
        "merge it with PEFT's merge_and_unload, save_pretrained the result, and take that in";
    let advice = advised(&sandbox, &import, hint);
    let command = "kledger import --from-checkpoint DIR";
    advice.says(command, &[("DIR", "merged")], &[NO_CHECK]).done();
}

#[test]
fn an_adapter_for_a_model_of_another_name_is_taken_in_all_the_same() {
    let sandbox = Sandbox::bare();
    let config = sandbox.dir.path().join("base/config.json");
    fs::write(config, r#"{"model_type": "stand-in", "_name_or_path": "ours"}"#).unwrap();
    sandbox.run(&["init", "--anyway", "--model", "../base"]).done();
    sandbox.write_adapter("adapter");
    let path = sandbox.root().join("adapter/adapter_config.json");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replacen('{', r#"{"base_model_name_or_path": "theirs", "#, 1)).unwrap();
    let hint = "--any-base imports it all the same: its factors have to fit the base's tensors";
    let import = ["import", "--from-peft", "adapter", NO_CHECK];
    advised(&sandbox, &import, hint).with(&["--any-base"]);
}

#[test]
fn what_a_checkpoint_was_trained_from_is_said() {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("style");
    sandbox.run(&["import", "--from-peft", "style", NO_CHECK]).done();
    sandbox.run(&["export", "HEAD", "merged"]).done();
    let import = ["import", "--from-checkpoint", "merged", NO_CHECK];
    let advice = advised(&sandbox, &import, " imports what was changed since; --trained-from ");
    assert!(
        advice.hint.ends_with("takes it for trained from the base, and adds all of it to HEAD")
    );
    let named = Regex::new(r"--trained-from (\S+)").unwrap();
    let ids: Vec<&str> =
        named.captures_iter(&advice.hint).map(|id| id.get(1).unwrap().as_str()).collect();
    let unchanged = sandbox.run(&[&import[..], &["--trained-from", ids[0]]].concat()).failed(1);
    assert!(unchanged.contains("it has the weights of the version it was trained from"));
    advice.with(&["--trained-from", ids[1]]);
}

/// Everything that HEAD has would count twice.
#[test]
fn an_adapter_of_this_history_is_imported_where_it_is_not() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["export", "--format", "peft", "HEAD", "adapter"]).done();
    let hint =
        "import it where HEAD lacks it: kledger switch -c NAME REV goes to an earlier version";
    let import = ["import", "--from-peft", "adapter", NO_CHECK];
    let before = sandbox.state();
    let advice = advised(&sandbox, &import, hint);
    assert_eq!(sandbox.state(), before);
    let fill = [("NAME", "plain"), ("REV", "main~2")];
    advice.run("kledger switch -c NAME REV", &fill);
    advice.again();
    let repo = Repo::open(&sandbox.root()).unwrap();
    assert_eq!(repo.show("plain").unwrap().weights, repo.show("main").unwrap().weights);
}

#[test]
fn a_delta_goes_to_a_repository_around_its_base() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["export", "--format", "delta", "HEAD", "delta"]).done();
    let delta = sandbox.root().join("delta");
    let import = ["import", "--from-delta", delta.to_str().unwrap(), NO_CHECK];
    let other = Sandbox::bare();
    stand_in::write_checkpoint(&other.dir.path().join("base"), 8);
    other.run(&["init", "--anyway", "--model", "../base"]).done();
    advised(&other, &import, "import it into a repository around the base it is for");
    let right = Sandbox::with_words();
    let facts = fs::read_to_string(delta.join("facts.nt")).unwrap();
    let without: String = facts
        .lines()
        .filter(|line| !line.contains("/Siemens>"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(facts, without);
    fs::write(delta.join("facts.nt"), without).unwrap();
    let hint = "export it again, or copy it again from where it was exported";
    let advice = advised(&right, &import, hint);
    fs::remove_dir_all(&delta).unwrap();
    sandbox.run(&["export", "--format", "delta", "HEAD", "delta"]).done();
    assert!(advice.again().contains("3 facts added"));
}
