//! Token rows of different lengths in one tensor.

use tch::{Device, Kind, Tensor};

use super::{attention::causal, spec::Direction};

/// On which side short rows are filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Before the first token, so that all rows end together.
    Left,
    /// After the last token, so that all rows begin together.
    Right,
}

/// Rows of tokens, filled up to the longest.
#[derive(Debug)]
pub struct Batch {
    /// Token ids, `[rows, tokens]`, 0 where filled up.
    pub ids: Tensor,
    /// Position of each token in its row, `[rows, tokens]`, 0 where filled up.
    pub positions: Tensor,
    /// Mask for [`super::Attention`]; `None` where attention never meets the padding.
    pub mask: Option<Tensor>,
    /// Number of tokens of each row.
    pub lengths: Vec<usize>,
    padding: Padding,
}

impl Batch {
    /// Fills `rows`, which are read forward, up on one side.
    #[must_use]
    pub fn new(rows: &[Vec<u32>], padding: Padding, device: Device) -> Self {
        Self::read(rows, padding, Direction::Forward, device)
    }

    /// Fills `rows` up on one side, to be read in a direction.
    #[must_use]
    pub fn read(rows: &[Vec<u32>], padding: Padding, direction: Direction, device: Device) -> Self {
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let shape = [rows.len() as i64, longest as i64];
        let mut ids = vec![0i64; rows.len() * longest];
        let mut positions = ids.clone();
        for (i, row) in rows.iter().enumerate() {
            let start = i * longest + padding.start(longest, row.len());
            for (j, &id) in row.iter().enumerate() {
                ids[start + j] = i64::from(id);
                positions[start + j] = j as i64;
            }
        }
        let mask = mask(&lengths, padding, direction, device);
        Self {
            ids: Tensor::from_slice(&ids).view(shape).to_device(device),
            positions: Tensor::from_slice(&positions).view(shape).to_device(device),
            mask,
            lengths,
            padding,
        }
    }

    /// Column of the last token of each row.
    #[must_use]
    pub fn last(&self) -> Vec<usize> {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        let start = |&n: &usize| self.padding.start(longest, n);
        self.lengths.iter().map(|n| (start(n) + n).saturating_sub(1)).collect()
    }

    /// Column of the token at `place` of a row.
    #[must_use]
    pub fn column(&self, row: usize, place: usize) -> usize {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        self.padding.start(longest, self.lengths[row]) + place
    }

    /// True where a column holds a token, `[rows, 1, 1, tokens]`.
    pub(super) fn real(&self) -> Tensor {
        let tokens = self.ids.size()[1];
        real(&self.lengths, tokens, self.padding, self.ids.device())
    }
}

impl Padding {
    fn start(self, longest: usize, length: usize) -> usize {
        match self {
            Self::Left => longest - length,
            Self::Right => 0,
        }
    }
}

/// Mask for texts of so many tokens, filled up on one side and read in a direction; `None` where attention never meets the
/// padding.
pub(super) fn mask(
    lengths: &[usize],
    padding: Padding,
    direction: Direction,
    device: Device,
) -> Option<Tensor> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if lengths.iter().all(|&n| n == longest) {
        return None;
    }
    let longest = longest as i64;
    match (direction, padding) {
        // Padding on the right lies in every real token's future.
        (Direction::Forward, Padding::Right) => None,
        (Direction::Forward, Padding::Left) => Some(left_mask(lengths, longest, device)),
        // The padding sees the text, and no row is empty.
        (Direction::Both, _) => Some(real(lengths, longest, padding, device)),
    }
}

fn real(lengths: &[usize], longest: i64, padding: Padding, device: Device) -> Tensor {
    let lengths: Vec<i64> = lengths.iter().map(|&n| n as i64).collect();
    let lengths = Tensor::from_slice(&lengths).to_device(device).view([-1, 1, 1, 1]);
    let columns = Tensor::arange(longest, (Kind::Int64, device)).view([1, 1, 1, -1]);
    match padding {
        Padding::Left => columns.ge_tensor(&(longest - lengths)),
        Padding::Right => columns.lt_tensor(&lengths),
    }
}

/// Causal, without the padding; the padding itself sees itself, so that no row is empty.
fn left_mask(lengths: &[usize], longest: i64, device: Device) -> Tensor {
    let own = Tensor::eye(longest, (Kind::Bool, device)).view([1, 1, longest, longest]);
    let real = real(lengths, longest, Padding::Left, device);
    real.logical_and(&causal(longest, longest, device)).logical_or(&own)
}
