//! KnowledgeEditor against the original's own network (`fixtures/make/ke_reference.py`).

use super::*;
use crate::editor::learned::ke::network::Network;

/// The original's network. Its s is the same for all maps.
fn network(golden: &Golden) -> Network {
    let mut tensors = golden.under("state/");
    let scale = golden.case["max_scale"].as_f64().unwrap();
    let scales = Tensor::full([6], scale, (Kind::Float, Device::Cpu));
    tensors.insert("max_scale".to_owned(), crate::editor::learned::hypernetwork::stored(&scales));
    Network::read(golden.model.decoder(), &golden.maps(), &tensors).unwrap()
}

#[test]
fn gradients_and_changes_are_the_originals() {
    let golden = Golden::open("ke");
    let (maps, network) = (golden.maps(), network(&golden));
    let gradients = Rehearsal::new(&golden.model, &maps, Descent::ONE)
        .gradients(&network, &[&golden.text("edit")]);
    let condition = golden.case["condition"].as_array().unwrap().iter();
    let condition: Vec<_> = condition.map(|id| id.as_u64().unwrap()).collect();
    let found: Vec<u64> = gradients.conditions[0].iter().map(|&id| u64::from(id)).collect();
    assert_eq!(found, condition);
    let changes = tch::no_grad(|| network.changes(&gradients));
    for (number, (factors, change)) in gradients.factors.iter().zip(&changes).enumerate() {
        let gradient = factors.delta.squeeze_dim(0).tr().matmul(&factors.x.squeeze_dim(0));
        assert!(apart(&gradient, &golden.tensor(&format!("gradient/{number}"))) < NEAR);
        // The original gates the whole gradient, here its columns are.
        let wanted = golden.tensor(&format!("change/{number}"));
        assert!(apart(&whole(change), &wanted) < NEAR, "{number}");
    }
    check_applied(golden, &changes);
}

#[test]
fn a_step_of_training_has_the_originals_loss_and_slopes() {
    let golden = Golden::open("ke");
    let (maps, mut network) = (golden.maps(), network(&golden));
    let rehearsal = Rehearsal::new(&golden.model, &maps, Descent::ONE);
    let drills = [golden.drill()];
    let gradients = rehearsal.gradients_of(&network, &drills);
    let leaves = Golden::leaves(&mut network);
    let number = |key: &str| golden.case[key].as_f64().unwrap();
    let how = (1, number("eps"));
    let [edits, kept, _] = rehearsal.losses(&network, &drills, &gradients, how);
    let loss = edits + kept - number("margin");
    let wanted = golden.tensor("loss").double_value(&[2]);
    assert!((loss.double_value(&[]) - wanted).abs() < NEAR * wanted.abs(), "{loss:?} {wanted}");
    golden.check_slopes(loss, &leaves, "");
}

/// Texts of other lengths beside it change nothing of what is made of one.
#[test]
fn edits_that_are_read_together_are_read_as_if_alone() {
    let golden = Golden::open("ke");
    let (maps, network) = (golden.maps(), network(&golden));
    let rehearsal = Rehearsal::new(&golden.model, &maps, Descent::ONE);
    let texts = [golden.text("worded"), golden.text("edit")];
    let changes = |texts: &[&Text]| {
        let gradients = rehearsal.gradients(&network, texts);
        tch::no_grad(|| network.changes(&gradients))
    };
    let both = changes(&texts.iter().collect::<Vec<_>>());
    for (place, text) in (0..).zip(&texts) {
        for (alone, both) in changes(&[text]).iter().zip(&both) {
            let left = both.left.narrow(0, place, 1).squeeze_dim(0);
            let right = both.right.narrow(0, place, 1).squeeze_dim(0);
            assert!(apart(&left.tr().matmul(&right), &whole(alone)) < NEAR);
        }
    }
}

#[test]
fn a_network_that_is_not_trained_gives_a_step_down_the_gradient() {
    let mut golden = Golden::open("ke");
    let trained = train(&mut golden.model, EDITORS[1], 0, None, &mut |_| {});
    let maps = golden.maps();
    let network = Network::read(golden.model.decoder(), &maps, &trained.tensors).unwrap();
    let gradients = Rehearsal::new(&golden.model, &maps, Descent::ONE)
        .gradients(&network, &[&golden.text("edit")]);
    let changes = tch::no_grad(|| network.changes(&gradients));
    let mut steps = Vec::new();
    for (factors, change) in gradients.factors.iter().zip(&changes) {
        let gradient = factors.delta.squeeze_dim(0).tr().matmul(&factors.x.squeeze_dim(0));
        let step = -(whole(change) * &gradient).sum(Kind::Double).double_value(&[])
            / gradient.square().sum(Kind::Double).double_value(&[]);
        assert!(apart(&whole(change), &(gradient * -step)) < NEAR);
        steps.push(step);
    }
    assert!(steps[0] > 0.0 && steps.iter().all(|step| (step / steps[0] - 1.0).abs() < NEAR));
}
