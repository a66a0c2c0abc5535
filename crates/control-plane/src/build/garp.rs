//! `garp_*`: how addresses are announced, of `global_defs`, of an instance, of a group.

use base::Duration;

use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};

/// `garp_*`, as far as it was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct GarpDraft {
    pub delay: Option<Duration>,
    pub repeat: Option<u32>,
    pub refresh: Option<Duration>,
    pub refresh_repeat: Option<u32>,
    pub lower_prio_delay: Option<Duration>,
    pub lower_prio_repeat: Option<u32>,
    pub interval: Option<Duration>,
    pub gna_interval: Option<Duration>,
    pub extra: Option<(Duration, bool)>,
}

impl GarpDraft {
    /// A `garp_*` keyword, without `vrrp_` in front; false when it is none.
    pub(super) fn leaf(
        &mut self,
        name: &str,
        value: &Value<'_>,
        owner: &str,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        // 0 messages make no sense where a burst is asked for: keepalived sends one.
        let mut count = || {
            let count = value.int::<u32>()?;
            if count == 0 {
                let keyword = statement.keyword.name;
                let message = format!("{owner}{keyword} must be greater than 0, setting to 1");
                cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place_of(1)));
            }
            Some(count.max(1))
        };
        match name {
            "garp_master_delay" => self.delay = value.seconds(),
            "garp_master_repeat" => self.repeat = count(),
            "garp_master_refresh" => self.refresh = value.seconds(),
            "garp_master_refresh_repeat" => self.refresh_repeat = count(),
            "garp_lower_prio_delay" => self.lower_prio_delay = value.seconds(),
            "garp_lower_prio_repeat" => self.lower_prio_repeat = value.int(),
            _ => return false,
        }
        true
    }
}

/// `[all] SECS` of `garp_extra_if`: the interval, and whether all interfaces are meant.
pub(super) fn extra(
    statement: &Statement<'_>,
    owner: &str,
    cx: &mut Context<'_>,
) -> Option<(Duration, bool)> {
    let all = statement.word(1) == Some("all");
    let at = if all { 2 } else { 1 };
    let name = statement.keyword.name;
    let Some(word) = statement.word(at) else {
        let message = format!("{owner}{name} specified without time - ignoring");
        cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place()));
        return None;
    };
    match integer(word, 0, 86_400) {
        Ok(seconds) => Some((Duration::from_secs(seconds.unsigned_abs()), all)),
        Err(problem) => {
            let outcome = format!("{owner}{name} '{word}' invalid - ignoring");
            cx.report(problem.at(statement.place_of(at)).outcome(outcome));
            None
        }
    }
}
