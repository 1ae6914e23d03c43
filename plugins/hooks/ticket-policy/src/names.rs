//! The names that an expression takes from outside of itself.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

/// Types, which an expression can name as well.
const TYPES: [&str; 10] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];

/// The first name that is not among these and not bound by the expression itself, with the number of its node.
pub(crate) fn unknown<'e>(expr: &'e IdedExpr, known: &[&str]) -> Option<(u64, &'e str)> {
    let mut search = Search { known, bound: Vec::new(), found: None };
    search.look(expr);
    search.found
}

struct Search<'e, 'k> {
    known: &'k [&'k str],
    bound: Vec<&'e str>,
    found: Option<(u64, &'e str)>,
}

impl<'e> Search<'e, '_> {
    fn look(&mut self, node: &'e IdedExpr) {
        match &node.expr {
            Expr::Ident(name) => {
                let name = name.as_str();
                let is_there =
                    self.bound.contains(&name) || self.known.contains(&name) || TYPES.contains(&name);
                if !is_there && self.found.is_none() {
                    self.found = Some((node.id, name));
                }
            }
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.look(target));
                call.args.iter().for_each(|arg| self.look(arg));
            }
            Expr::Select(select) => self.look(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(|element| self.look(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(made) => made.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(over) => {
                self.look(&over.iter_range);
                self.look(&over.accu_init);
                let before = self.bound.len();
                self.bound.extend([over.iter_var.as_str(), over.accu_var.as_str()]);
                self.bound.extend(over.iter_var2.as_deref());
                self.look(&over.loop_cond);
                self.look(&over.loop_step);
                self.look(&over.result);
                self.bound.truncate(before);
            }
            Expr::Unspecified | Expr::Literal(_) => {}
        }
    }

    fn entry(&mut self, entry: &'e EntryExpr) {
        match entry {
            EntryExpr::MapEntry(entry) => {
                self.look(&entry.key);
                self.look(&entry.value);
            }
            EntryExpr::StructField(field) => self.look(&field.value),
        }
    }
}
