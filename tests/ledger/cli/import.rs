//! `kledger import`.

use std::fs;

use insta::assert_snapshot;

use super::{Sandbox, make_a_pipe};

/// With an adapter in `style`.
fn with_adapter() -> Sandbox {
    let sandbox = Sandbox::with_words();
    sandbox.write_adapter("style");
    sandbox
}

#[test]
fn an_adapter_becomes_a_commit() {
    let sandbox = with_adapter();
    assert_snapshot!(sandbox.run(&["import", "--from-peft", "style", "--no-check", "-v"]).done(), @"
    [main <id>] Import adapter style
      no fact changed, 1 tensor, delta 1.2 KiB (model 32 KiB)
      layers.1.mlp.down_proj.weight  rank 1
      it does not say which model it is for
      not checked: no model was run
    ");
}

#[test]
fn show_says_what_was_imported() {
    assert_snapshot!(Sandbox::with_import().run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      imports     adapter style
      facts       0
      neighbours  0

        Import adapter style

    delta <id>  1.2 KiB, 0 columns
      layers.1.mlp.down_proj.weight  16 x 256  rank 1
    ");
}

#[test]
fn a_log_says_what_was_imported() {
    assert_snapshot!(Sandbox::with_import().run(&["log", "-n", "1"]).done(), @"
    commit <id> (HEAD, main)
      author   Ada <ada@example.org>
      date     2026-01-02 03:04:05 +00:00
      facts    no fact changed
      imports  adapter style

        Import adapter style
      older commits are not shown
    ");
}

#[test]
fn a_delta_brings_back_what_was_exported() {
    let sandbox = Sandbox::with_import();
    sandbox.run(&["export", "--format", "delta", "HEAD", "delta"]).done();
    sandbox.run(&["revert", "--no-check", "HEAD"]).done();
    let import = ["import", "--from-delta", "delta", "--no-check", "-m", "Back"];
    assert_snapshot!(sandbox.run(&import).done(), @"
    [main <id>] Back
      no fact changed, 1 tensor, delta 1.2 KiB (model 32 KiB)
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 170 objects, 1 tensor file, built the weights of 5 versions
    No damage found
    ");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger import --from-delta delta --no-check -m Back
      on main <id>, 0 facts staged
    ");
}

#[test]
fn json_has_the_commit() {
    let sandbox = with_adapter();
    let imported = sandbox.data(&["import", "--from-peft", "style", "--no-check"]);
    assert_eq!(imported["commit"]["step"]["kind"], "import");
    sandbox.data(&["log"]);
}

#[test]
fn one_source_is_named() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["import"], 2, &["--from-delta"]);
    for words in [
        &["import", "--from-delta", "a", "--from-peft", "b"][..],
        &["import", "--from-peft", "a", "--trained-from", "HEAD"],
        &["import", "--from-checkpoint", "../base", "--any-base"],
    ] {
        sandbox.refused(words, 2, &["cannot be used with"]);
    }
}

#[test]
fn what_is_not_there_is_named() {
    let sandbox = with_adapter();
    fs::create_dir(sandbox.root().join("empty")).unwrap();
    let empty =
        ["has no adapter_config.json", "hint: name a directory as save_pretrained of a Peft"];
    for (from, dir, parts) in [
        ("--from-delta", "style", &["no delta.json", "hint: "][..]),
        ("--from-peft", "nosuch", &["nosuch is not there", "hint: "]),
        ("--from-peft", "empty", &empty),
    ] {
        sandbox.refused(&["import", from, dir], 1, parts);
    }
}

/// Each of the three says which of the others it is.
#[test]
fn a_directory_of_another_kind_is_told_what_it_is() {
    let sandbox = with_adapter();
    fs::create_dir(sandbox.root().join("delta")).unwrap();
    sandbox.write("delta/delta.json", "{}");
    let adapter = ["has no config.json", "hint: it holds an adapter: kledger import --from-peft"];
    for (from, dir, parts) in [
        ("--from-checkpoint", "style", &adapter[..]),
        ("--from-peft", "../base", &["hint: it holds a checkpoint: --from-checkpoint"]),
        ("--from-peft", "delta", &["hint: it holds a delta: --from-delta"]),
    ] {
        sandbox.refused(&["import", from, dir], 1, parts);
    }
}

#[test]
fn a_checkpoint_that_changes_nothing_is_refused() {
    let sandbox = Sandbox::with_words();
    let base = ["import", "--from-checkpoint", "../base"];
    sandbox.refused(&base, 1, &["changes nothing: it has the base's weights"]);
}

#[test]
fn weights_that_are_cut_off_are_refused() {
    let sandbox = with_adapter();
    let weights = sandbox.root().join("style/adapter_model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    let import = ["import", "--from-peft", "style"];
    sandbox.refused(&import, 1, &["is not a whole safetensors file", "hint: "]);
}

#[test]
fn an_adapter_that_cannot_be_read_is_refused_with_the_reason() {
    let sandbox = with_adapter();
    for (config, parts) in [
        (r#"{"peft_type": "LORA", "use_dora": true}"#, &["it uses DoRA", "hint: merge it"][..]),
        ("{", &["adapter_config.json is not as it should be"]),
        (
            r#"{"peft_type": "LORA", "lora_alpha": "x"}"#,
            &["lora_alpha is \"x\"; it must be a number"],
        ),
    ] {
        sandbox.write("style/adapter_config.json", config);
        sandbox.refused(&["import", "--from-peft", "style"], 1, parts);
    }
}

#[test]
fn a_pickle_is_not_opened() {
    let sandbox = with_adapter();
    fs::remove_file(sandbox.root().join("style/adapter_model.safetensors")).unwrap();
    sandbox.write("style/adapter_config.json", r#"{"peft_type": "LORA"}"#);
    sandbox.write("style/adapter_model.bin", "");
    let parts = ["as a pickle", "torch.load('", "weights_only=True"];
    sandbox.refused(&["import", "--from-peft", "style"], 1, &parts);
}

/// What both hints say is done; neither needs a tokenizer.
#[test]
fn a_checkpoint_of_an_edited_version_needs_to_say_what_it_was_trained_from() {
    let sandbox = Sandbox::with_import();
    sandbox.run(&["export", "HEAD", "merged"]).done();
    fs::remove_file(sandbox.root().join("merged/tokenizer.json")).unwrap();
    let import = ["import", "--from-checkpoint", "merged", "--no-check"];
    let said = [
        "merged was not trained from the base: it is 0.00 from <id> and 8.00 from the base",
        "hint: --trained-from <id> imports what was changed since; --trained-from <id> takes it for",
    ];
    sandbox.refused(&import, 1, &said);
    let from = |revision| [import.as_slice(), &["--trained-from", revision]].concat();
    let unchanged = "it has the weights of the version it was trained from";
    sandbox.refused(&from("HEAD"), 1, &[unchanged]);
    sandbox.run(&from("HEAD~1")).done();
}

/// A pipe used to keep kledger waiting for somebody who writes.
#[test]
fn files_that_are_pipes_are_refused() {
    let sandbox = with_adapter();
    let root = sandbox.root();
    for (from, file) in [
        ("--from-delta", "delta.json"),
        ("--from-peft", "adapter_config.json"),
        ("--from-peft", "adapter_model.safetensors"),
    ] {
        let given = root.join("given");
        let _not_there = fs::remove_dir_all(&given);
        fs::create_dir(&given).unwrap();
        if file == "adapter_model.safetensors" {
            let config = "adapter_config.json";
            fs::copy(root.join("style").join(config), given.join(config)).unwrap();
        }
        make_a_pipe(&given.join(file));
        sandbox.refused(&["import", "-m", "x", from, "given"], 1, &["it is a pipe, not a regular"]);
    }
}
