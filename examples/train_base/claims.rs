//! Learning to tell true claims from false ones, as FEVER has them.

use std::{error::Error, path::Path};

use kledger::{
    eval::{
        Case,
        dataset::{Dataset, Layout, Reading, Verbaliser},
    },
    model::{Decoder, Model, Padding, Question, SplitMix, Unprobed},
    tensor::Dtype,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use tokenizers::{
    AddedToken, Tokenizer, TokenizerBuilder,
    decoders::wordpiece::WordPiece as Decoding,
    models::wordpiece::{WordPiece, WordPieceTrainer},
    normalizers::bert::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer,
    processors::bert::BertProcessing,
};

use crate::{
    Args,
    train::{Lessons, Loss, through},
};

/// Of so many claims one is held back.
const HELD_BACK: usize = 8;

/// Claims asked in one pass.
const TOGETHER: usize = 128;

/// What BERT marks texts with: filling, what it does not know, a text's begin and end, and a gap.
const MARKS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Claims, and whether they hold.
pub(crate) struct Claims {
    learned: Vec<Case>,
    held_back: Vec<Case>,
}

impl Claims {
    /// Reads a file of FEVER's. An eighth is held back, which `seed` draws.
    pub(crate) fn read(path: &Path, seed: u64) -> Result<Self, Box<dyn Error>> {
        let name = path.display().to_string();
        let reading = Reading { verbaliser: Verbaliser::labels(), ..Reading::default() };
        let dataset = Dataset::read(path, &name, &reading)?;
        if dataset.layout != Layout::Fever {
            return Err(format!("{name} has {}, not FEVER's claims", dataset.layout).into());
        }
        let mut claims: Vec<Case> = dataset.cases.into_iter().map(|(_, case)| case).collect();
        SplitMix::new(seed).shuffle(&mut claims);
        let learned = claims.split_off(claims.len() / HELD_BACK);
        Ok(Self { learned, held_back: claims })
    }

    /// Trains `WordPiece` on what is learned, as BERT's: without case, between `[CLS]` and `[SEP]`.
    pub(crate) fn train_tokenizer(&self, vocabulary: usize) -> Result<Tokenizer, Box<dyn Error>> {
        let mut trainer = WordPieceTrainer::builder()
            .vocab_size(vocabulary)
            .show_progress(false)
            .special_tokens(MARKS.map(|mark| AddedToken::from(mark, true)).to_vec())
            .build();
        let mut tokenizer = TokenizerBuilder::new()
            .with_model(WordPiece::default())
            .with_normalizer(Some(BertNormalizer::default()))
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(BertProcessing::default()))
            .with_decoder(Some(Decoding::default()))
            .build()
            .map_err(|error| error.to_string())?;
        let claims = self.learned.iter().map(|claim| claim.subject.clone());
        tokenizer.train(&mut trainer, claims).map_err(|error| error.to_string())?;
        let mark = |mark: &str| {
            let id = tokenizer.token_to_id(mark).ok_or_else(|| format!("no {mark}"))?;
            Ok::<_, String>((mark.to_owned(), id))
        };
        let marked = BertProcessing::new(mark("[SEP]")?, mark("[CLS]")?);
        tokenizer.with_post_processor(Some(marked));
        // The trained parts as the general type that reads and writes `tokenizer.json`.
        let json = tokenizer.to_string(false).map_err(|error| error.to_string())?;
        Ok(json.parse().map_err(|error: tokenizers::Error| error.to_string())?)
    }

    /// Prints of how many claims the model in `dir` says what is so.
    pub(crate) fn report(&self, dir: &Path, device: Device) -> Result<(), Box<dyn Error>> {
        let model = Model::open(dir, device, Dtype::F32)?;
        for (what, claims) in [("learned", &self.learned), ("held back", &self.held_back)] {
            let ask = |claim: &Case| model.tokens().question(&claim.subject, &claim.target);
            let mut asked = claims.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
            // Claims of like length waste little on filling.
            asked.sort_by_key(|question| question.ids.len());
            let right: usize = asked.chunks(TOGETHER).map(|some| right(&model, some)).sum();
            let share = 100.0 * right as f64 / claims.len().max(1) as f64;
            println!("{:>6} claims {what:<9} {share:>5.1}% right", claims.len());
        }
        Ok(())
    }
}

/// How transformers uses that tokenizer.
pub(crate) fn tokenizer_config(model_type: &str, context: usize) -> Value {
    let class = if model_type == "bert" { "BertTokenizer" } else { "DistilBertTokenizer" };
    let [filling, unknown, begin, end, gap] = MARKS;
    json!({
        "tokenizer_class": class,
        "do_lower_case": true,
        "pad_token": filling,
        "unk_token": unknown,
        "cls_token": begin,
        "sep_token": end,
        "mask_token": gap,
        "model_max_length": context,
    })
}

/// How many questions the model answers rightly.
fn right(model: &Model, questions: &[Question]) -> usize {
    let decoder = model.decoder();
    let rows: Vec<Vec<u32>> = questions.iter().map(|question| question.ids.clone()).collect();
    let batch = decoder.batch(&rows, Padding::Right);
    let logits = tch::no_grad(|| decoder.forward(&batch, &mut Unprobed));
    let logits = logits.continue_value().expect("because nothing probes");
    let said = logits.select(1, 0).argmax(1, false).to_device(Device::Cpu);
    let is_right = |(row, question): &(usize, &Question)| {
        said.int64_value(&[*row as i64]) == i64::from(question.wanted[0])
    };
    questions.iter().enumerate().filter(is_right).count()
}

/// Claims in tokens, pass after pass in another order.
pub(crate) struct Judging<'a> {
    args: &'a Args,
    /// Tokens, and the class.
    claims: Vec<(Vec<u32>, i64)>,
    /// The order of a pass, and of which.
    order: Vec<usize>,
    loaded: Option<usize>,
}

impl<'a> Judging<'a> {
    /// Claims are cut at `context` tokens.
    pub(crate) fn new(
        args: &'a Args,
        claims: &Claims,
        tokenizer: &Tokenizer,
        context: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let holds = Verbaliser::labels().holds;
        let in_tokens = |claim: &Case| {
            let encoding = tokenizer.encode(claim.subject.as_str(), true);
            let mut ids = encoding.map_err(|error| error.to_string())?.get_ids().to_vec();
            ids.truncate(context);
            Ok::<_, String>((ids, i64::from(claim.target != holds)))
        };
        let claims = claims.learned.iter().map(in_tokens).collect::<Result<Vec<_>, _>>()?;
        if claims.len() < args.batch {
            return Err(
                format!("{} claims are too few for --batch {}", claims.len(), args.batch).into()
            );
        }
        Ok(Self { args, claims, order: Vec::new(), loaded: None })
    }

    fn steps_per_pass(&self) -> usize {
        self.claims.len() / self.args.batch
    }
}

impl Lessons for Judging<'_> {
    fn steps(&self) -> usize {
        self.steps_per_pass() * self.args.epochs
    }

    fn loss(&mut self, decoder: &Decoder, step: usize) -> Result<Loss, Box<dyn Error>> {
        let (pass, place) = (step / self.steps_per_pass(), step % self.steps_per_pass());
        if self.loaded != Some(pass) {
            self.order = (0..self.claims.len()).collect();
            SplitMix::new(self.args.seed ^ (pass as u64 + 1)).shuffle(&mut self.order);
            self.loaded = Some(pass);
        }
        let drawn = &self.order[place * self.args.batch..][..self.args.batch];
        let (rows, classes): (Vec<_>, Vec<_>) =
            drawn.iter().map(|&claim| self.claims[claim].clone()).unzip();
        let batch = decoder.batch(&rows, Padding::Right);
        let embedded = decoder.embed(&batch.ids, &batch.positions);
        let dropout = self.args.dropout;
        let end = through(decoder, &embedded, batch.mask.as_ref(), dropout, |_, hidden| hidden);
        let said = decoder.head(&end.select(1, 0)).log_softmax(1, Kind::Float);
        let classes = Tensor::from_slice(&classes).to_device(decoder.device()).unsqueeze(1);
        let prediction = -said.gather(1, &classes, false).mean(Kind::Float);
        Ok(Loss { total: prediction.shallow_clone(), prediction })
    }
}
