//! The engine on a tiny random GPT-2.
