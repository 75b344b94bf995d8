//! ENN against the original's own code (`fixtures/make/enn_reference.py`).

use super::*;
use crate::editor::learned::enn::network::Network;

const STEPS: u32 = 2;

fn network(golden: &Golden) -> Network {
    Network::read(golden.model.decoder(), &golden.maps(), &golden.under("state/")).unwrap()
}

#[test]
fn the_change_of_two_steps_is_the_originals() {
    let golden = Golden::open("enn");
    let (maps, network) = (golden.maps(), network(&golden));
    let descent = Descent { n_edit_steps: STEPS, ..Descent::ONE };
    let rehearsal = Rehearsal::new(&golden.model, &maps, descent);
    let text = golden.text("edit");
    let first = rehearsal.gradients(&network, &[&text]);
    let changes = rehearsal.edit(&network, &[&text], &first);
    for (number, change) in changes.iter().enumerate() {
        let wanted = golden.tensor(&format!("change/{number}"));
        assert!(apart(&whole(change), &wanted) < NEAR, "{number}");
        // A column for each token of each step.
        assert_eq!(change.left.size()[1], i64::from(STEPS) * text.ids.len() as i64);
    }
}

#[test]
fn a_step_of_training_has_the_originals_loss_and_slopes() {
    let golden = Golden::open("enn");
    let maps = golden.maps();
    for (order, first_order) in [("first", true), ("second", false)] {
        let mut network = network(&golden);
        let descent = Descent { first_order, n_edit_steps: STEPS };
        let rehearsal = Rehearsal::new(&golden.model, &maps, descent);
        let drills = [golden.drill()];
        let leaves = Golden::leaves(&mut network);
        let gradients = rehearsal.gradients_of(&network, &drills);
        let losses = rehearsal.losses(&network, &drills, &gradients, (1, 0.0));
        let number = |key: &str| golden.case[key].as_f64().unwrap();
        let wanted = golden.tensor(&format!("{order}/loss"));
        for (place, loss) in (0..).zip(&losses) {
            let wanted = wanted.double_value(&[place]);
            assert!((loss.double_value(&[]) - wanted).abs() < NEAR * wanted, "{loss:?} {wanted}");
        }
        let [edits, kept, base] = losses;
        let loss = edits * number("cedit") + kept * number("cloc") + base * number("cbase");
        golden.check_slopes(loss, &leaves, &format!("{order}/"));
    }
}

/// Once the new object is said in all wordings, an edit ends; until then it goes on with the one that says it least.
#[test]
fn an_edit_ends_when_its_object_is_said() {
    let golden = Golden::open("enn");
    let (maps, network) = (golden.maps(), network(&golden));
    let rehearsal = Rehearsal::new(&golden.model, &maps, Descent::ONE);
    let (text, worded) = (golden.text("edit"), golden.text("worded"));
    let most = 50;
    for wordings in [vec![&text], vec![&text, &worded]] {
        let entering = Entering::new(&rehearsal.decoder, &wordings, 1);
        let log_p = |changes: &[LowRank]| {
            let added = Added { whole: &network.whole(), changes };
            tch::no_grad(|| entering.log_p(&rehearsal.decoder, &mut Applied::new(&maps, added)))
        };
        let single = rehearsal.until_said(&network, &wordings, most);
        let steps = u32::try_from(single.steps.len()).unwrap();
        assert!((2..most).contains(&steps), "{steps}");
        assert_eq!(entering.furthest(&log_p(&single.changes)), None);
        assert_eq!(entering.hits(&log_p(&single.changes)), vec![true; wordings.len()]);
        let before = rehearsal.until_said(&network, &wordings, steps - 1);
        let left = entering.furthest(&log_p(&before.changes));
        assert_eq!(left, single.steps.last().map(|(wording, _)| *wording));
    }
}
