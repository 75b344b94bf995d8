//! The lines that join commits in `log --graph`.

/// Draws a history whose commits come each before its parents. Every commit has a column; columns
/// open where a merge brings a history in and close where it began.
#[derive(Debug)]
pub struct Graph<T> {
    /// The commit that each column goes to.
    columns: Vec<T>,
}

/// What is drawn beside one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// Before the commit's first line.
    pub first: String,
    /// Before its further lines.
    pub further: String,
    /// Lines behind it, to its parents.
    pub joints: Vec<String>,
}

impl<T: Copy + Eq> Graph<T> {
    /// A page with nothing on it yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self { columns: Vec::new() }
    }

    /// Takes in the next commit. Parents that are not `drawn` later are left out.
    pub fn next(&mut self, commit: T, parents: &[T], drawn: impl Fn(T) -> bool) -> Lines {
        let at = self.columns.iter().position(|column| *column == commit).unwrap_or_else(|| {
            self.columns.push(commit);
            self.columns.len() - 1
        });
        let first = (0..self.columns.len()).map(|i| if i == at { "* " } else { "| " }).collect();
        let mut joints = Vec::new();
        let mut parents = parents.iter().copied().filter(|parent| drawn(*parent));
        let goes_on = match parents.next() {
            Some(parent) => {
                self.columns[at] = parent;
                true
            }
            None => {
                self.close(at, &mut joints);
                false
            }
        };
        let bars = self.columns.len() + usize::from(!goes_on);
        let further = (0..bars).map(|i| if i == at && !goes_on { "  " } else { "| " }).collect();
        for (number, parent) in (1..).zip(parents) {
            self.open(at + number, parent, &mut joints);
        }
        self.join(&mut joints);
        Lines { first, further, joints }
    }

    /// Opens a column at `at`; those from there on move to the right.
    fn open(&mut self, at: usize, parent: T, joints: &mut Vec<String>) {
        let row = (1..=self.columns.len()).map(|i| match i {
            i if i < at => "| ",
            i if i == at => "|\\",
            _ => " \\",
        });
        joints.push(row.collect());
        self.columns.insert(at, parent);
    }

    /// Closes the column `at`; those behind it move to the left.
    fn close(&mut self, at: usize, joints: &mut Vec<String>) {
        self.columns.remove(at);
        if at < self.columns.len() {
            let bars = (0..at).map(|_| "| ");
            let moving = (at..self.columns.len()).map(|_| " /");
            joints.push(bars.chain(moving).collect());
        }
    }

    /// Joins columns that go to the same commit.
    fn join(&mut self, joints: &mut Vec<String>) {
        let twin = |columns: &[T]| {
            (1..columns.len()).find_map(|right| {
                let left = columns[..right].iter().position(|column| *column == columns[right])?;
                Some((left, right))
            })
        };
        while let Some((left, right)) = twin(&self.columns) {
            let row = (0..self.columns.len() - 1).map(|i| match i {
                i if i + 1 == right => "|/",
                i if i >= right => " /",
                i if i >= left => "|_",
                _ => "| ",
            });
            joints.push(row.collect());
            self.columns.remove(right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(history: &[(char, &[char])]) -> String {
        let mut graph = Graph::empty();
        let mut text = String::new();
        for (commit, parents) in history {
            let lines = graph.next(*commit, parents, |p| history.iter().any(|(c, _)| *c == p));
            text.push_str(&format!("{}{commit}\n", lines.first));
            for joint in lines.joints {
                text.push_str(&format!("{}\n", joint.trim_end()));
            }
        }
        text
    }

    #[test]
    fn a_line_is_straight() {
        assert_eq!(draw(&[('c', &['b']), ('b', &['a']), ('a', &[])]), "* c\n* b\n* a\n");
    }

    #[test]
    fn a_merge_opens_a_column_and_the_fork_closes_it() {
        let history: &[(char, &[char])] =
            &[('m', &['b', 'c']), ('c', &['a']), ('b', &['a']), ('a', &[])];
        assert_eq!(draw(history), "* m\n|\\\n| * c\n* | b\n|/\n* a\n");
    }

    #[test]
    fn histories_beside_each_other() {
        // Two tips and an unrelated root.
        let history: &[(char, &[char])] =
            &[('x', &['w']), ('d', &['a']), ('w', &[]), ('c', &['a']), ('a', &[])];
        assert_eq!(draw(history), "* x\n| * d\n* | w\n /\n| * c\n|/\n* a\n");
    }

    #[test]
    fn lines_cross_where_they_must() {
        let history: &[(char, &[char])] = &[
            ('m', &['b', 'e']),
            ('e', &['d', 'c']),
            ('d', &['a']),
            ('c', &['b']),
            ('b', &['a']),
            ('a', &[]),
        ];
        assert_eq!(
            draw(history),
            "* m\n|\\\n| * e\n| |\\\n| * | d\n| | * c\n|_|/\n* | b\n|/\n* a\n"
        );
    }
}
