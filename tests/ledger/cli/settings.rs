//! Settings of an editor on the command line and from files, which all verbs that edit take alike.

use super::Sandbox;

/// A label is staged, for which no model is needed.
fn staged() -> Sandbox {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada <http://www.w3.org/2000/01/rdf-schema#label> \"Ada\"@en .");
    sandbox
}

const EASYEDIT: &str = "alg_name: \"ROME\"\nmodel_name: \"./gpt2\"\nlayers: [3]\nv_lr: 5e-1\nfact_token: subject_last\n\
                        kl_factors: 1\n";

#[test]
fn a_file_is_read_and_what_sets_nothing_is_named() {
    let sandbox = staged();
    sandbox.write("rome.yaml", EASYEDIT);
    let output = sandbox.run(&["commit", "-m", "x", "--settings", "rome.yaml"]);
    let told = "rome.yaml: rome has no setting for kl_factors = 1\n\
                rome.yaml: found out without: model_name\n";
    assert_eq!(output.stderr, told);
    output.done();
    let sandbox = staged();
    sandbox.write("rome.yaml", EASYEDIT);
    let quiet = sandbox.run(&["commit", "-q", "-m", "x", "--settings", "rome.yaml"]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn the_command_line_counts_more_than_a_file() {
    let sandbox = staged();
    sandbox.write("wrong.toml", "v_lr = 0.5\n");
    let zero = ["commit", "-m", "x", "--settings", "wrong.toml", "--set", "v_lr=0"];
    sandbox.refused(&zero, 1, &["v_lr must be above zero, found 0"]);
    sandbox.run(&["commit", "-m", "x", "--settings", "wrong.toml", "--set", "v_lr=1"]).done();
}

#[test]
fn a_file_that_makes_no_sense_is_refused_by_its_name() {
    let sandbox = staged();
    for (name, text, why) in [
        ("a.toml", "v_lrr = 1", "there is no setting \"v_lrr\""),
        ("b.toml", "L2 = 1", "there is no setting \"L2\", which alphaedit has"),
        ("c.json", "{", "EOF"),
        ("d.yaml", "alg_name: SERAC", "there is no such editor"),
        ("e.ini", "", "settings are read from .toml, .json and .yaml"),
        ("f.yaml", "fact_token: last", "only \"subject_last\" is known"),
    ] {
        sandbox.write(name, text);
        let message = format!("error: {name} cannot set an editor: ");
        sandbox.refused(&["commit", "-m", "x", "--settings", name], 1, &[&message, why]);
    }
    sandbox.write("rome.yaml", EASYEDIT);
    let other = ["commit", "-m", "x", "--settings", "rome.yaml", "--editor", "memit"];
    sandbox.refused(&other, 1, &["rome.yaml cannot set an editor: it is for rome, not for memit"]);
    sandbox.refused(
        &["commit", "-m", "x", "--settings", "none.yaml"],
        1,
        &["cannot read none.yaml"],
    );
}

#[test]
fn a_setting_of_another_editor_is_named_with_it() {
    let sandbox = staged();
    let memit = ["commit", "-m", "x", "--editor", "memit", "--set", "L2=1"];
    sandbox.refused(
        &memit,
        1,
        &["there is no setting \"L2\", which alphaedit has; there is carry"],
    );
    let set = ["config", "set", "settings.memit.L2", "1"];
    sandbox.refused(&set, 1, &["settings.memit.L2 cannot be set to that", "which alphaedit has"]);
    // Where no editor is named, it is one that has the setting that says what is wrong.
    sandbox.refused(&["commit", "-m", "x", "--set", "L2=-1"], 1, &["L2 must be"]);
}
