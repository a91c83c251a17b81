//! Networks trained and tested as a recipe says.

pub mod clips;
pub mod ledger;
pub mod optimisation;
pub mod plan;
pub mod recipe;
pub mod results;
pub mod run;
pub mod sections;
pub mod testing;
