//! `kledger editors`.

use kledger::editor::METHODS;

use super::Sandbox;

#[test]
fn all_are_listed_with_what_they_need_and_yield() {
    let sandbox = Sandbox::bare();
    let listed = sandbox.data(&["editors"]);
    let listed = listed["editors"].as_array().unwrap();
    let names: Vec<&str> = listed.iter().map(|editor| editor["name"].as_str().unwrap()).collect();
    assert_eq!(names, METHODS.iter().map(|method| method.name()).collect::<Vec<_>>());
    let memit = &listed[0];
    assert_eq!(memit["needs"], serde_json::json!(["prefixes", "statistics"]));
    assert_eq!((&memit["yields"], &memit["takes_back_one"]), (&"fact".into(), &true.into()));
    assert!(memit["settings"].is_null());
    let text = sandbox.run(&["editors"]).done();
    assert!(text.contains("\n  needs: prefixes, statistics\n"), "{text}");
    assert!(text.contains("one fact can be taken back alone"), "{text}");
}

#[test]
fn one_is_shown_with_its_settings() {
    // The sandbox's model is of no family, so nothing is known of it.
    for (sandbox, is_repository) in [(Sandbox::bare(), false), (Sandbox::new(), true)] {
        let shown = sandbox.data(&["editors", "memit"]);
        assert_eq!(shown["editors"][0]["note"].is_string(), is_repository);
        let settings = shown["editors"][0]["settings"].as_array().unwrap();
        let setting = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
        assert_eq!(settings.len(), METHODS[0].settings().len());
        assert_eq!(
            (&setting("v_lr")["default"], &setting("v_lr")["range"]),
            (&0.5.into(), &"above 0".into())
        );
        assert!(setting("layers")["default"].is_null());
        assert!(settings.iter().all(|setting| setting["of_model"] == false));
        let text = sandbox.run(&["editors", "memit"]).done();
        assert!(text.contains("  v_lr = 0.5\n      step size of the search: above 0\n"), "{text}");
        assert!(text.contains("  layers depends on the model\n"), "{text}");
        let why = "\n  defaults are not the repository's model's, which cannot be asked: ";
        assert_eq!(text.contains(why), is_repository, "{text}");
    }
}

#[test]
fn one_that_is_not_there_is_named() {
    let refused = Sandbox::bare().run(&["editors", "nobody"]).failed(1);
    assert!(refused.contains("there is no editor \"nobody\"; there is memit"), "{refused}");
}
