//! MEND against the original's own code (`fixtures/make/mend_reference.py`).

use super::*;
use crate::editor::learned::mend::network::Network;

fn network(golden: &Golden) -> Network {
    Network::read(golden.model.decoder(), &golden.maps(), &golden.under("state/")).unwrap()
}

#[test]
fn factors_and_changes_are_the_originals() {
    let golden = Golden::open("mend");
    let (maps, network) = (golden.maps(), network(&golden));
    let gradients = Rehearsal::new(&golden.model, &maps, Descent::ONE)
        .gradients(&network, &[&golden.text("edit")]);
    let changes = tch::no_grad(|| network.changes(&gradients));
    for (number, (factors, change)) in gradients.factors.iter().zip(&changes).enumerate() {
        // The original reads the target's last token too, from which nothing is wanted.
        let tokens = factors.x.size()[1];
        let read = |name: &str| golden.tensor(&format!("{name}/{number}")).narrow(1, 0, tokens);
        assert!(apart(&factors.x, &read("x")) < NEAR);
        assert!(apart(&factors.delta, &read("delta")) < NEAR);
        let rows = |name: &str| golden.tensor(&format!("{name}/{number}"));
        // The original leaves tokens out that have no part in the gradient; here they are zero.
        let active = change.columns_where(&change.active());
        assert!(apart(&active.right, &rows("x~")) < NEAR, "{number}");
        assert!(apart(&whole(change), &rows("change")) < NEAR, "{number}");
        assert_eq!(active.left.size()[0], rows("delta~").size()[0]);
    }
    check_applied(golden, &changes);
}

#[test]
fn a_step_of_training_has_the_originals_loss_and_slopes() {
    let golden = Golden::open("mend");
    let (maps, mut network) = (golden.maps(), network(&golden));
    let rehearsal = Rehearsal::new(&golden.model, &maps, Descent::ONE);
    let drills = [golden.drill()];
    let gradients = rehearsal.gradients_of(&network, &drills);
    network.observe(&gradients);
    for (name, wanted) in golden.under("later/") {
        let found = &network.tensors()[&name];
        assert!(apart(&torch(found), &torch(&wanted)) < NEAR, "{name}");
    }
    let leaves = Golden::leaves(&mut network);
    let [edits, kept, _] = rehearsal.losses(&network, &drills, &gradients, (1, 0.0));
    let loss = edits * 0.1 + kept;
    let wanted = golden.tensor("loss").double_value(&[2]);
    assert!((loss.double_value(&[]) - wanted).abs() < NEAR * wanted, "{loss:?} {wanted}");
    golden.check_slopes(loss, &leaves, "");
}

#[test]
fn a_network_that_is_not_trained_gives_the_normalised_gradient() {
    let mut golden = Golden::open("mend");
    let trained = train(&mut golden.model, EDITORS[0], 0, None, &mut |_| {});
    assert_eq!((trained.steps, trained.best), (0, 0));
    let maps = golden.maps();
    let network = Network::read(golden.model.decoder(), &maps, &trained.tensors).unwrap();
    let gradients = Rehearsal::new(&golden.model, &maps, Descent::ONE)
        .gradients(&network, &[&golden.text("edit")]);
    let changes = tch::no_grad(|| network.changes(&gradients));
    let norm = |part: &str, values: &Tensor| {
        let of = |what: &str| torch(&trained.tensors[&format!("24-96.{part}.{what}")]);
        (values - of("mean")) / (of("std") + 1e-7)
    };
    let factors = &gradients.factors[0];
    assert!(apart(&changes[0].right, &norm("x", &factors.x)) < NEAR);
    assert!(apart(&changes[0].left, &(norm("delta", &factors.delta) * -3e-4)) < NEAR);
}
