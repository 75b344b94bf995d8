//! `kledger config`.

use std::fs;

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    ledger::{EditOptions, Repo, verb::commit::CommitOptions},
};

use super::Sandbox;
use crate::support::Place;

fn file(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.root().join(".kledger/config.toml")).unwrap()
}

/// With an author, a requirement and layers set.
fn configured() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "set", "author", "Ada"]).done();
    sandbox.run(&["config", "set", "settings.memit.layers", "[2, 3]"]).done();
    sandbox.run(&["config", "set", "require", "efficacy=0.9"]).done();
    sandbox
}

#[test]
fn all_settings_are_listed_with_their_defaults() {
    assert_snapshot!(configured().run(&["config"]).done(), @"
    * author = Ada
      checkout = model
      editor = memit
      endpoint is not set
      endpoint-model is not set
      keep-days = 14
      language = en
      neighbours = 10
      perplexity-text is not set
      probes is not set
      recheck = 100
    * require = efficacy=0.9
      seed = 0
    * settings.memit.layers = [2,3]
      snapshot-every = 64
      statistics-tokens = 30000
    ");
}

#[test]
fn a_setting_goes_to_the_file_with_its_comment() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&["config", "set", "author", "Ada"]).done(), @"* author = Ada");
    let set = file(&sandbox);
    assert!(
        set.contains("# Who commits, where the command does not say.\nauthor = \"Ada\"\n"),
        "{set}"
    );
    sandbox.run(&["config", "set", "settings.memit.layers", "[2, 3]"]).done();
    let set = file(&sandbox);
    assert!(set.contains("[settings.memit]\nlayers = [2, 3]"), "{set}");
}

#[test]
fn one_setting_or_a_part_of_them_is_shown() {
    let sandbox = configured();
    assert_snapshot!(sandbox.run(&["config", "get", "settings"]).done(), @"* settings.memit.layers = [2,3]");
    assert_snapshot!(sandbox.run(&["config", "get", "seed"]).done(), @"  seed = 0");
}

#[test]
fn a_setting_that_is_unset_has_its_default() {
    let sandbox = configured();
    assert_snapshot!(sandbox.run(&["config", "unset", "author"]).done(), @"  author is not set");
    let again = sandbox.run(&["config", "unset", "author"]).failed(1);
    assert!(again.contains("there is no setting author"), "{again}");
}

#[test]
fn json_has_values_of_their_types() {
    let sandbox = Sandbox::new();
    let set = sandbox.data(&["config", "set", "seed", "7"]);
    assert_eq!(set["settings"][0]["value"], 7);
    let all = sandbox.data(&["config"]);
    assert!(all["settings"].as_array().unwrap().len() > 8, "{all}");
}

#[test]
fn a_name_that_is_no_setting_is_refused() {
    let sandbox = Sandbox::new();
    let near = ["there is no setting langauge", "hint: did you mean language?"];
    sandbox.refused(&["config", "get", "langauge"], 1, &near);
    sandbox.refused(&["config", "set", "langauge", "de"], 1, &near);
    sandbox.refused(&["config", "unset", "author"], 1, &["there is no setting author"]);
}

#[test]
fn a_value_that_is_none_is_refused() {
    let sandbox = Sandbox::new();
    let before = file(&sandbox);
    let many = sandbox.run(&["config", "set", "neighbours", "banana"]).failed(1);
    let expected = "error: neighbours cannot be set to that: it is a whole number, 0 or more\n\
                    hint: kledger config shows the value of each\n";
    assert_eq!(many, expected);
    let seed = ["config", "set", "seed", "seven"];
    sandbox.refused(&seed, 1, &["seed cannot be set", "a whole number"]);
    let table = ["config", "set", "settings.memit", "3"];
    sandbox.refused(&table, 1, &["settings.memit cannot"]);
    assert_eq!(file(&sandbox), before);
}

#[test]
fn settings_of_an_editor_are_checked_when_they_are_set() {
    let sandbox = Sandbox::with_words();
    let before = file(&sandbox);
    for (key, value, why) in [
        ("settings.memit.nosuch", "3", "nosuch"),
        ("settings.memit.layers", "-5", "layers must be a value like"),
        ("settings.memit.layers", "[3, 2]", "layers must be ascending, found [3, 2]"),
        ("settings.memit.v_lr", "0", "v_lr must be above zero, found 0"),
        ("settings.memit.carry", "perhaps", "carry must be a value like"),
        ("settings.memit.z_on", "moon", "z_on"),
        ("settings.nobody.v_lr", "1", "there is no editor \"nobody\"; there is memit"),
        ("editor", "nobody", "there is no editor \"nobody\"; there is memit"),
    ] {
        let refused = sandbox.run(&["config", "set", key, value]).failed(1);
        assert!(refused.starts_with(&format!("error: {key} cannot be set to that: ")), "{refused}");
        assert!(refused.contains(why), "{refused}");
        assert_eq!(file(&sandbox), before);
    }
}

#[test]
fn settings_of_an_editor_that_it_has_are_set() {
    let sandbox = Sandbox::new();
    for (key, value) in [
        ("settings.memit.layers", "[2, 3]"),
        ("settings.memit.v_lr", "1"),
        ("settings.memit.faithful", "true"),
        ("editor", "memit"),
    ] {
        sandbox.run(&["config", "set", key, value]).done();
    }
}

#[test]
fn a_file_with_an_unknown_setting_is_refused_by_every_verb() {
    let sandbox = Sandbox::new();
    sandbox.write(".kledger/config.toml", "langauge = \"en\"");
    let message = sandbox.run(&["status"]).failed(1);
    assert!(message.contains("config.toml"), "{message}");
    assert!(message.contains("langauge"), "{message}");
}

#[test]
fn a_file_with_a_value_that_means_nothing_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write(".kledger/config.toml", "seed = 1\nneighbours = \"many\"\n");
    let refused = sandbox.run(&["status"]).failed(1);
    let named = "error: <dir>/repo/.kledger/config.toml has a setting that means nothing: line 2, neighbours: ";
    assert!(refused.starts_with(named), "{refused}");
}

/// What the editor says of a setting called `strong`, which is in the file or in `options`.
fn strong(file: &str, options: &CommitOptions) -> String {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    fs::write(place.repo.root().join(".kledger/config.toml"), file).unwrap();
    let Place { dir, repo, .. } = place;
    let place = Place::around(dir, Repo::open(repo.root()).unwrap());
    let refused = place.commit_with(options, &mut Silent).unwrap_err().to_string();
    refused.replace(place.dir.path().to_str().unwrap(), "<dir>")
}

#[test]
fn a_setting_that_the_editor_refuses_is_named_with_its_file() {
    let options = CommitOptions { message: "x".to_owned(), ..CommitOptions::default() };
    let refused = strong("[settings.memit]\nstrong = 1\n", &options);
    let named =
        "<dir>/repo/.kledger/config.toml has a setting that means nothing: [settings.memit] ";
    assert!(refused.starts_with(named) && refused.contains("strong"), "{refused}");
    let settings = [("strong".to_owned(), 1.into())].into_iter().collect();
    let refused = strong(
        "",
        &CommitOptions { edit: EditOptions { settings, ..EditOptions::default() }, ..options },
    );
    assert!(!refused.contains("config.toml"), "{refused}");
}

#[test]
fn all_settings_are_explained() {
    let sandbox = configured();
    sandbox.run(&["config", "set", "settings.rome.v_lr", "0.4"]).done();
    sandbox.run(&["config", "set", "alias.st", "status"]).done();
    let text = sandbox.run(&["config", "list", "--all"]).done();
    for part in [
        "* author = Ada  (file)\n      Who commits, where the command does not say: a name, or Name <address>\n",
        "  seed = 0  (default)\n      Seed of everything sampled: a whole number, 0 or more\n",
        "* settings.memit.layers = [2,3]  (file)\n      blocks whose MLP is edited",
        "  settings.memit.carry = true  (default)\n      keep the keys of earlier edits as they are: true or false\n",
        "  settings.memit.v_loss_layer depends on the model  (default)\n      block after which",
        "* settings.rome.v_lr = 0.4  (file)\n      step size of the search: above 0\n",
        "* alias.st = status  (file)\n      Words of yours",
        "* is set in <dir>/repo/.kledger/config.toml\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("settings.rome.layers"), "that is another editor's");
    let all = sandbox.data(&["config", "list", "--all"]);
    let all = all["settings"].as_array().unwrap();
    assert!(all.iter().all(|one| one["meaning"] != "" && one["range"] != ""), "{all:#?}");
}

#[test]
fn what_faithful_sets_is_told() {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "set", "settings.memit.faithful", "true"]).done();
    sandbox.run(&["config", "set", "settings.memit.ridge", "0.5"]).done();
    let text = sandbox.run(&["config", "list", "--all"]).done();
    for line in [
        "* settings.memit.faithful = true  (file)",
        "  settings.memit.carry = false  (faithful)",
        "* settings.memit.ridge = 0.5  (file)",
        "  settings.memit.kl_factor = 0.0625  (default)",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
}
