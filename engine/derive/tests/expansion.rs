//! What the derives generate, asked through the traits themselves. What a registry makes of it:
//! `label_sets.rs` of the engine.

/// The traits under another path than their own.
mod elsewhere {
    pub(crate) use tmc_engine::{Key, LabelSet, LabelTexts, LabelValue};
}

use elsewhere::{Key, LabelSet, LabelTexts, LabelValue};

fn names<S: elsewhere::LabelSet>() -> Vec<&'static str> {
    let mut names = Vec::new();
    S::names(&mut |name| names.push(name));
    names
}

fn texts(set: &impl LabelTexts) -> Vec<String> {
    let mut texts = Vec::new();
    assert!(set.all(&mut |text| {
        texts.push(text.to_owned());
        true
    }));
    texts
}

#[derive(Clone, Copy, Debug, PartialEq, LabelValue)]
#[label(crate = "elsewhere")]
enum Op {
    Create,
    ReadAll,
    #[label(rename = "gone: \"for\" good")]
    Delete,
}

const OPS: [Op; 3] = [Op::Create, Op::ReadAll, Op::Delete];

#[test]
fn an_enum_numbers_its_variants_and_spells_them_in_snake_case() {
    assert_eq!(Op::VALUES, ["create", "read_all", "gone: \"for\" good"]);
    for (at, op) in OPS.iter().enumerate() {
        assert_eq!(op.index(), at);
        assert!(op.with_text(|text| text == Op::VALUES[at]));
    }
}

#[test]
fn rename_all_spells_all_but_renamed_variants() {
    macro_rules! spelled {
        ($case:literal: $($text:literal),*) => {{
            #[derive(LabelValue)]
            #[label(rename_all = $case, crate = "elsewhere")]
            #[allow(dead_code)]
            enum Spelled {
                CrudOp,
                HTTPServer,
                V2,
                #[label(rename = "As_is")]
                Renamed,
            }
            assert_eq!(Spelled::VALUES, [$($text),*, "As_is"], $case);
        }};
    }
    spelled!("snake_case": "crud_op", "http_server", "v2");
    spelled!("kebab-case": "crud-op", "http-server", "v2");
    spelled!("lowercase": "crudop", "httpserver", "v2");
    spelled!("UPPERCASE": "CRUDOP", "HTTPSERVER", "V2");
    spelled!("SCREAMING_SNAKE_CASE": "CRUD_OP", "HTTP_SERVER", "V2");
    spelled!("PascalCase": "CrudOp", "HttpServer", "V2");
    spelled!("camelCase": "crudOp", "httpServer", "v2");
}

#[test]
fn discriminants_names_of_variants_and_parameters_of_an_enum_do_not_matter() {
    #[derive(Clone, Copy, LabelValue)]
    #[label(crate = "elsewhere")]
    #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
    enum Odd<const N: usize> {
        VALUES = 400,
        index = -7,
        r#type = 3,
    }
    let all = [Odd::<1>::VALUES, Odd::index, Odd::r#type];
    assert_eq!(all.map(|odd| odd.index()), [0, 1, 2]);
    assert_eq!(all.map(|odd| odd.with_text(str::to_owned)), ["values", "index", "type"]);
}

#[derive(LabelSet)]
#[label(crate = "elsewhere")]
struct Request<'a> {
    route: &'a str,
    r#type: Op,
    #[label(rename = "code")]
    status: u16,
}

#[test]
fn a_set_has_the_names_and_values_of_its_fields_in_their_order() {
    assert_eq!(names::<Request<'_>>(), ["route", "type", "code"]);
    let request = Request { route: "/", r#type: Op::ReadAll, status: 404 };
    assert_eq!(texts(&request), ["/", "read_all", "404"]);
    assert_eq!(Request::COMBINATIONS, 0, "a route can be anything");
}

#[test]
fn values_are_handed_out_until_one_is_refused() {
    let request = Request { route: "/", r#type: Op::ReadAll, status: 404 };
    for wanted in 1..=3 {
        let mut seen = 0;
        let all = request.all(&mut |_| {
            seen += 1;
            seen < wanted
        });
        assert!(!all && seen == wanted, "{seen} of {wanted}");
    }
}

#[derive(Clone, Copy, LabelSet)]
#[label(crate = "elsewhere")]
struct Small {
    op: Op,
    ok: bool,
}

#[derive(LabelSet)]
#[label(crate = "elsewhere")]
struct Nested<'a> {
    before: &'a bool,
    #[label(flatten)]
    small: Small,
    after: Op,
}

#[test]
fn every_combination_of_few_values_has_a_number_of_its_own() {
    assert_eq!(Small::COMBINATIONS, 6);
    assert_eq!(Nested::COMBINATIONS, 36);
    let mut numbers = Vec::new();
    for before in &[false, true] {
        for small in OPS.into_iter().flat_map(|op| [false, true].map(|ok| Small { op, ok })) {
            for after in OPS {
                numbers.push(Nested { before, small, after }.index());
            }
        }
    }
    assert_eq!(numbers, (0..36).collect::<Vec<_>>());
}

#[derive(LabelSet)]
#[label(crate = "elsewhere")]
struct Open<'x, 'b: 'x> {
    #[label(flatten)]
    request: Request<'b>,
    #[label(flatten)]
    small: Small,
    note: std::borrow::Cow<'x, str>,
}

#[test]
fn flattened_sets_stand_in_place() {
    assert_eq!(names::<Nested<'_>>(), ["before", "op", "ok", "after"]);
    assert_eq!(names::<Open<'_, '_>>(), ["route", "type", "code", "op", "ok", "note"]);
    let request = Request { route: "r", r#type: Op::Create, status: 1 };
    let open = Open { request, small: Small { op: Op::ReadAll, ok: true }, note: "n".into() };
    assert_eq!(texts(&open), ["r", "create", "1", "read_all", "true", "n"]);
    assert_eq!(Open::COMBINATIONS, 0);
}

#[test]
fn the_key_of_a_set_takes_values_of_any_lifetime() {
    fn look_up<'a, K: Key>(values: K::Of<'a>) -> Vec<String> {
        texts(&values)
    }
    let (route, yes) = (String::from("/made/here"), true);
    let request = Request { route: &route, r#type: Op::Create, status: 200 };
    assert_eq!(look_up::<Request<'static>>(request), ["/made/here", "create", "200"]);
    let small = Small { op: Op::Create, ok: true };
    let nested = Nested { before: &yes, small, after: Op::ReadAll };
    assert_eq!(look_up::<Nested<'static>>(nested), ["true", "create", "true", "read_all"]);
    assert_eq!(look_up::<Small>(small), ["create", "true"]);
}

#[test]
fn a_set_of_nothing_has_one_combination() {
    #[derive(LabelSet)]
    #[label(crate = "elsewhere")]
    struct Nothing {}
    assert_eq!((Nothing::COMBINATIONS, Nothing {}.index()), (1, 0));
    assert!(names::<Nothing>().is_empty() && texts(&Nothing {}).is_empty());
}

#[test]
fn combinations_beyond_all_memory_are_not_counted() {
    macro_rules! powers {
        ($($set:ident of $part:ty;)*) => {$(
            #[derive(LabelSet)]
            #[label(crate = "elsewhere")]
            #[allow(dead_code)]
            struct $set {
                #[label(flatten)]
                a: $part,
                #[label(flatten)]
                b: $part,
                #[label(flatten)]
                c: $part,
                #[label(flatten)]
                d: $part,
            }
        )*};
    }
    #[derive(LabelSet)]
    #[label(crate = "elsewhere")]
    #[allow(dead_code)]
    struct Two {
        yes: bool,
    }
    powers!(Two4 of Two; Two16 of Two4; Two64 of Two16;);
    assert_eq!(Two16::COMBINATIONS, 1 << 16);
    assert_eq!(Two64::COMBINATIONS, 0, "2^64 is beyond a usize");
}

/// Where the names of the prelude and of primitive types mean something else.
mod hostile {
    #![allow(non_camel_case_types, dead_code)]

    type usize = ();
    type bool = ();
    struct str;
    trait FnMut {}
    trait FnOnce {}
    struct Option;
    struct Some;
    struct None;

    #[derive(super::LabelValue)]
    #[label(crate = "super::elsewhere")]
    pub(super) enum Value {
        Only,
    }

    #[derive(super::LabelSet)]
    #[label(crate = "super::elsewhere")]
    pub(super) struct Set {
        pub(super) each: Value,
        pub(super) index: Value,
        pub(super) product: Value,
    }
}

#[test]
fn names_in_scope_do_not_matter() {
    use hostile::{Set, Value};
    let set = Set { each: Value::Only, index: Value::Only, product: Value::Only };
    assert_eq!(names::<Set>(), ["each", "index", "product"]);
    assert_eq!((Set::COMBINATIONS, set.index()), (1, 0));
    assert_eq!(texts(&set), ["only", "only", "only"]);
}
