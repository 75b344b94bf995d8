//! Rotary positions (Su et al., "RoFormer", 2021): queries and keys are turned, two numbers at a
//! time, by an angle that is the position times a frequency of the pair; so how well they fit
//! depends on how far apart they are.

use std::ops::RangeInclusive;

use tch::{Device, Kind, Tensor};

use super::{config::Config, error::ModelError};

/// What a base can be: less would turn the wrong way round or not at all, more is no f32.
pub(super) const BASES: RangeInclusive<f64> = 1.0..=1e30;

/// What the numbers of a scaling can be.
const FACTORS: RangeInclusive<f64> = 1e-3..=1e30;

/// Which numbers are turned, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotary {
    /// How many numbers at the start of a head are turned; the others stay.
    pub width: usize,
    /// Which of them go together.
    pub pairs: Pairs,
    /// Pair i of n turns by base^(-i/n) for each position.
    pub base: f64,
    /// How frequencies were changed afterwards for longer texts.
    pub scaling: Scaling,
}

/// Which two numbers are turned together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// Each and its neighbour.
    Adjacent,
    /// Each of the first half and its counterpart in the second.
    Halves,
}

/// How frequencies were changed for texts longer than those of the training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// They were not.
    None,
    /// Llama 3.1: slow ones are divided, fast ones stay, and there is a passage between.
    Llama3 {
        /// What slow ones are divided by.
        factor: f64,
        /// Slow are those that turn fewer times than this in `context` tokens.
        low: f64,
        /// Fast are those that turn more times than this.
        high: f64,
        /// Length of the texts before.
        context: f64,
    },
}

impl Rotary {
    /// Reads what `config.json` says of scaling: in `rope_scaling`, or in the `rope_parameters` that
    /// newer versions of transformers write, which may also have another `base`. `key` is where
    /// `width` comes from.
    pub(super) fn read(
        config: Config<'_>,
        (key, width): (&str, usize),
        head_width: usize,
        pairs: Pairs,
        base: f64,
    ) -> Result<Self, ModelError> {
        if width < 2 || !width.is_multiple_of(2) || width > head_width {
            let wanted = format!("wanted is an even number of at most {head_width}");
            let why = format!("makes {width} numbers of a head rotary; {wanted}");
            return Err(config.wrong(key, why));
        }
        let newer = config.section("rope_parameters")?;
        let base = newer.map_or(Ok(base), |section| section.number("rope_theta", base, BASES))?;
        let scaling = match newer.or(config.section("rope_scaling")?) {
            Some(section) => Scaling::read(section)?,
            None => Scaling::None,
        };
        Ok(Self { width, pairs, base, scaling })
    }

    /// The turns at `positions` `[rows, 1, tokens]` for queries and keys of `kind`.
    pub(super) fn turns(&self, positions: &Tensor, kind: Kind) -> Turns {
        let frequencies = Tensor::from_slice(&self.frequencies()).to_device(positions.device());
        let angles = positions.to_kind(Kind::Float).unsqueeze(-1) * frequencies;
        Turns { rotary: *self, cos: angles.cos().to_kind(kind), sin: angles.sin().to_kind(kind) }
    }

    /// Angle of each pair for each position, in f32 as the reference has it: at far positions a
    /// rounding of a frequency is an angle.
    fn frequencies(&self) -> Vec<f32> {
        let width = self.width as i64;
        let exponents =
            Tensor::arange_start_step(0, width, 2, (Kind::Float, Device::Cpu)) / width as f64;
        let frequencies = Tensor::pow_scalar(self.base, &exponents).reciprocal();
        let frequencies = Vec::<f32>::try_from(frequencies).expect("because it is a vector of f32");
        frequencies.into_iter().map(|frequency| self.scaling.scaled(frequency)).collect()
    }
}

impl Scaling {
    fn read(section: Config<'_>) -> Result<Self, ModelError> {
        // Before it was called rope_type it was called type.
        let key = if section.has("rope_type") { "rope_type" } else { "type" };
        let number = |key| {
            let number = section.number(key, f64::NAN, FACTORS)?;
            if number.is_nan() { Err(section.wrong(key, "is missing")) } else { Ok(number) }
        };
        match section.word(key, "default")? {
            "default" => Ok(Self::None),
            "llama3" => Ok(Self::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                context: number("original_max_position_embeddings")?,
            }),
            other => {
                let why = format!("is {other:?}, which is not supported; default and llama3 are");
                Err(section.wrong(key, why))
            }
        }
    }

    fn scaled(self, frequency: f32) -> f32 {
        let Self::Llama3 { factor, low, high, context } = self else { return frequency };
        let [factor, low, high, context] = [factor, low, high, context].map(|n| n as f32);
        let wave = 2.0 * std::f32::consts::PI / frequency;
        if wave > context / low {
            frequency / factor
        } else if wave < context / high {
            frequency
        } else {
            let fast = (context / wave - low) / (high - low);
            (1.0 - fast) * frequency / factor + fast * frequency
        }
    }
}

/// Turns of some tokens.
#[derive(Debug)]
pub(super) struct Turns {
    rotary: Rotary,
    /// Cosine of each pair's angle, `[rows, 1, tokens, width / 2]`.
    cos: Tensor,
    /// And the sine.
    sin: Tensor,
}

impl Turns {
    /// Turns queries or keys, `[batch, heads, tokens, head width]`.
    pub(super) fn turn(&self, x: &Tensor) -> Tensor {
        let (width, whole) = (self.rotary.width as i64, x.size()[3]);
        let turned = x.narrow(3, 0, width);
        let turned = match self.rotary.pairs {
            Pairs::Adjacent => {
                let pairs = turned.unflatten(3, [width / 2, 2]);
                let (a, b) = self.turn_pairs(&pairs.select(4, 0), &pairs.select(4, 1));
                Tensor::stack(&[a, b], 4).flatten(3, 4)
            }
            Pairs::Halves => {
                let half = width / 2;
                let (a, b) =
                    self.turn_pairs(&turned.narrow(3, 0, half), &turned.narrow(3, half, half));
                Tensor::cat(&[a, b], 3)
            }
        };
        if width == whole {
            return turned;
        }
        Tensor::cat(&[turned, x.narrow(3, width, whole - width)], 3)
    }

    fn turn_pairs(&self, a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
        (a * &self.cos - b * &self.sin, b * &self.cos + a * &self.sin)
    }
}
