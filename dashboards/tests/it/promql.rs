//! Analyses a query by its syntax tree.

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};

/// A selector in a query.
#[derive(Debug)]
pub(crate) struct Selector {
    /// The metric.
    pub(crate) name: String,
    /// Its label matchers.
    pub(crate) matchers: Vec<Matcher>,
    /// The function around it, if it is over a range.
    pub(crate) over_range: Option<String>,
}

/// A label matcher.
#[derive(Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) op: &'static str,
    pub(crate) value: String,
}

/// The parts of a query.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels that are grouped or matched by, each with the metrics below that may have it.
    pub(crate) labels: Vec<(String, Vec<String>)>,
    /// Labels that the query creates.
    pub(crate) made: Vec<String>,
}

/// The query without Grafana's variables, which parsers of `PromQL` do not support.
fn without_variables(expr: &str) -> String {
    let expr = expr.replace("$__rate_interval", "4m").replace("$__range", "1h");
    ["source", "cluster", "namespace"]
        .into_iter()
        .fold(expr, |expr, name| expr.replace(&format!("${{{name}:regex}}"), &format!("<{name}>")))
}

/// Parses a query.
pub(crate) fn read(expr: &str) -> Result<Query, String> {
    let tree = parser::parse(&without_variables(expr))?;
    let mut query = Query::default();
    walk(&tree, None, &mut query);
    Ok(query)
}

fn walk(expr: &Expr, function: Option<&str>, query: &mut Query) {
    match expr {
        Expr::Aggregate(aggregate) => {
            let from = query.selectors.len();
            walk(&aggregate.expr, None, query);
            if let Some(param) = &aggregate.param {
                walk(param, None, query);
            }
            if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = &aggregate.modifier {
                grouped(&labels.labels, from, query);
            }
        }
        Expr::Binary(binary) => {
            let from = query.selectors.len();
            walk(&binary.lhs, None, query);
            walk(&binary.rhs, None, query);
            if let Some(modifier) = &binary.modifier {
                if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = &modifier.matching {
                    grouped(&labels.labels, from, query);
                }
                if let VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels) =
                    &modifier.card
                {
                    grouped(&labels.labels, from, query);
                }
            }
        }
        Expr::Call(call) => {
            if let ("label_join" | "label_replace", Some(Expr::StringLiteral(made))) =
                (call.func.name, call.args.args.get(1).map(|made| &**made))
            {
                query.made.push(made.val.clone());
            }
            for argument in &call.args.args {
                walk(argument, Some(call.func.name), query);
            }
        }
        Expr::VectorSelector(selector) => query.selectors.push(selected(selector, None)),
        Expr::MatrixSelector(matrix) => query.selectors.push(selected(&matrix.vs, function)),
        Expr::Subquery(subquery) => walk(&subquery.expr, None, query),
        Expr::Paren(paren) => walk(&paren.expr, function, query),
        Expr::Unary(unary) => walk(&unary.expr, None, query),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn grouped(labels: &[String], from: usize, query: &mut Query) {
    let under: Vec<_> = query.selectors[from..].iter().map(|selector| selector.name.clone()).collect();
    query.labels.extend(labels.iter().map(|label| (label.clone(), under.clone())));
}

fn selected(selector: &VectorSelector, function: Option<&str>) -> Selector {
    let matchers = selector.matchers.matchers.iter().map(|matcher| Matcher {
        label: matcher.name.clone(),
        op: match &matcher.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Re(_) => "=~",
            MatchOp::NotRe(_) => "!~",
        },
        value: matcher.value.clone(),
    });
    Selector {
        name: selector.name.clone().expect("every selector has a name"),
        matchers: matchers.collect(),
        over_range: function.map(str::to_owned),
    }
}
