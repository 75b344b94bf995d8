//! Who acts: from an option, the environment, the settings, git or the login.

use std::{fs, process::Command};

use super::Sandbox;

/// The author of what `kledger switch -c NAME` records with `variables` in place of the sandbox's author.
fn author(sandbox: &Sandbox, variables: &[(&str, &str)], name: &str) -> String {
    let mut command = sandbox.command(&["switch", "-c", name, "--json"]);
    command.env_remove("KLEDGER_AUTHOR").env("HOME", sandbox.dir.path().join("home"));
    command.env("USER", "login").env("GIT_CONFIG_NOSYSTEM", "1");
    command.envs(variables.iter().copied());
    sandbox.finish(command, "").done();
    let log = sandbox.data(&["op", "log", "-n", "1"]);
    log["operations"][0]["author"].as_str().unwrap().to_owned()
}

/// With a home in which git is configured so.
fn with_home(gitconfig: &str) -> Sandbox {
    let sandbox = Sandbox::with_words();
    let home = sandbox.dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("more"), "[user]\n\temail = ada@git\n").unwrap();
    fs::write(home.join(".gitconfig"), gitconfig).unwrap();
    sandbox
}

#[test]
fn an_option_goes_before_the_environment_and_that_before_settings() {
    let sandbox = Sandbox::new();
    let newest = |mut command: Command, name: &str| {
        command.args(["switch", "-c", name]);
        sandbox.finish(command, "").done();
        sandbox.data(&["op", "log", "-n", "1"])["operations"][0]["author"].take()
    };
    sandbox.write(".kledger/config.toml", "author = \"Setting\"");
    assert_eq!(newest(sandbox.command(&["--author", "Option"]), "a"), "Option");
    assert_eq!(newest(sandbox.command(&[]), "b"), "Ada <ada@example.org>");
    let mut setting = sandbox.command(&[]);
    setting.env_remove("KLEDGER_AUTHOR").env("USER", "ada");
    assert_eq!(newest(setting, "c"), "Setting");
}

#[test]
fn a_commit_has_the_author_too() {
    let sandbox = Sandbox::new();
    sandbox.stage(":x <http://www.w3.org/2000/01/rdf-schema#label> \"X\"@en .");
    let mut login = sandbox.command(&["commit", "-m", "x"]);
    login.env_remove("KLEDGER_AUTHOR").env("USER", "ada");
    sandbox.finish(login, "").done();
    assert_eq!(sandbox.data(&["show"])["commit"]["author"], "ada");
}

#[test]
fn nobody_is_refused() {
    let sandbox = Sandbox::new();
    let mut nobody = sandbox.command(&["switch", "main"]);
    nobody.env_remove("KLEDGER_AUTHOR");
    let refused = sandbox.finish(nobody, "").failed(1);
    assert!(refused.contains("hint: set KLEDGER_AUTHOR"), "{refused}");
}

#[test]
fn git_is_asked_who_its_user_is() {
    let sandbox = with_home("[user]\n\tname = Ada Git\n[include]\n\tpath = more\n");
    assert_eq!(author(&sandbox, &[], "a"), "Ada Git <ada@git>");
    assert_eq!(author(&sandbox, &[("GIT_AUTHOR_NAME", "Env")], "b"), "Env <ada@git>");
    sandbox.write(".kledger/config.toml", "author = 'Setting'");
    assert_eq!(author(&sandbox, &[("GIT_AUTHOR_NAME", "Env")], "c"), "Setting");
}

#[test]
fn where_git_knows_no_name_it_is_the_login() {
    let sandbox = with_home("");
    assert_eq!(author(&sandbox, &[], "a"), "login");
    assert_eq!(author(&sandbox, &[("GIT_AUTHOR_EMAIL", "env@git")], "b"), "login <env@git>");
    assert_eq!(author(&sandbox, &[("PATH", "/nonexistent")], "c"), "login", "without git");
}

/// A broken file is git's business.
#[test]
fn where_git_cannot_read_its_file_it_is_the_login() {
    assert_eq!(author(&with_home("[user\n"), &[], "a"), "login");
}
