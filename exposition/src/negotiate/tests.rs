//! Headers as clients send them, and what each gets.

use super::*;
