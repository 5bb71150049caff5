//! Proves the table row by row: what is known, and the state and ground that must follow.

use super::super::evidence::{Door, Evidence, Silence};
use super::super::service::Service;
use super::{Ground, NodeState, judge};
use crate::model::host::UnitState::{self, Activating, Active, Failed, Inactive};
use rstest::rstest;
use std::time::Duration;

/// What is known, said one thing after the other.
#[derive(Default, Clone)]
struct Seen(Evidence);

impl Seen {
    fn own(mut self) -> Self {
        self.0.own_runs = true;
        self
    }

    fn up(mut self) -> Self {
        self.0.up = vec!["a".to_owned()];
        self
    }

    fn denied(mut self) -> Self {
        self.0.down = vec!["b".to_owned()];
        self
    }

    fn disputed(mut self) -> Self {
        self.0.disputed = true;
        self.up().denied()
    }

    fn door(mut self, door: Door) -> Self {
        self.0.door = door;
        self
    }

    fn mute(mut self, seconds: u64) -> Self {
        self.0.mute_for = Some(Duration::from_secs(seconds));
        self.door(Door::Mute)
    }

    fn silent(mut self, silence: Silence) -> Self {
        self.0.silence = silence;
        self.door(Door::Silent)
    }

    fn heard(mut self) -> Self {
        self.0.heard = true;
        self
    }

    fn vouched(mut self) -> Self {
        self.0.vouched = true;
        self.up()
    }

    fn served(mut self) -> Self {
        self.0.served_by = vec!["lb".to_owned()];
        self
    }

    fn shunned(mut self) -> Self {
        self.0.shunned_by = vec!["lb".to_owned()];
        self
    }

    fn tool(mut self) -> Self {
        self.0.tool_runs = true;
        self
    }

    /// Its host says: the unit, whether there is a runtime, whether its AMQP port listens.
    fn host(mut self, unit: UnitState, [runtime, listens]: [bool; 2]) -> Self {
        self.0.service = Some(Service {
            unit: Some(unit),
            runtime: Some(runtime),
            listens: Some(listens),
            ..Service::default()
        });
        self
    }

    fn restarted(mut self, restarts: u32) -> Self {
        self.0.service.get_or_insert_default().restarts = restarts;
        self
    }

    /// Restarted twice while we looked, the last time just now.
    fn looped(mut self) -> Self {
        self.0.service.get_or_insert_default().in_loop = true;
        self.restarted(3)
    }
}

fn nothing() -> Seen {
    Seen::default()
}

fn refused() -> Seen {
    nothing().door(Door::Refused)
}

#[rstest]
#[case::its_own_word_stands_above_others(nothing().own().denied(), NodeState::Running, Ground::OwnWord)]
#[case::an_answer_between_two_ends_of_a_loop(
    nothing().own().host(Active, [true, true]).looped(), NodeState::Restarting, Ground::Restarts)]
#[case::restarted_once_and_well_since(
    nothing().own().host(Active, [true, true]).restarted(1), NodeState::Running, Ground::OwnWord)]
#[case::activating_after_an_end(
    nothing().up().host(Activating, [true, false]).restarted(1), NodeState::Restarting, Ground::Restarts)]
#[case::a_loop_of_one_that_is_not_listed(
    refused().host(Activating, [false, false]).restarted(9), NodeState::Restarting, Ground::Restarts)]
#[case::boots(refused().denied().host(Activating, [true, false]), NodeState::Starting, Ground::Boots)]
#[case::boots_and_nobody_can_be_asked(
    refused().host(Activating, [true, false]), NodeState::Starting, Ground::Boots)]
#[case::mute_although_others_see_it(nothing().up().mute(10), NodeState::Hung, Ground::Mute)]
#[case::mute_with_its_process(
    nothing().mute(10).host(Active, [true, true]), NodeState::Hung, Ground::Mute)]
#[case::something_else_is_mute_there(
    nothing().denied().mute(10).host(Inactive, [false, false]), NodeState::Down, Ground::NoRuntime)]
#[case::slow_for_a_moment(nothing().up().mute(4), NodeState::Running, Ground::Peers)]
#[case::mute_at_one_look_and_denied(nothing().denied().mute(4), NodeState::Hung, Ground::Mute)]
#[case::its_peers_disagree(nothing().disputed(), NodeState::Unknown, Ground::Disputed)]
#[case::app_stopped(
    refused().denied().host(Active, [true, false]), NodeState::AppStopped, Ground::AppStopped)]
#[case::app_stopped_behind_a_filtered_port(
    nothing().denied().door(Door::Silent).host(Active, [true, false]),
    NodeState::AppStopped, Ground::AppStopped)]
#[case::denied_but_it_speaks(
    nothing().denied().door(Door::Speaks).host(Active, [true, true]),
    NodeState::NotRunning, Ground::PeersAlone)]
#[case::stopped(refused().denied().host(Inactive, [false, false]), NodeState::Down, Ground::NoRuntime)]
#[case::failed(refused().denied().host(Failed, [false, false]), NodeState::Down, Ground::NoRuntime)]
#[case::only_the_way_from_here(
    nothing().vouched().silent(Silence::Host).heard(), NodeState::Running, Ground::Peers)]
#[case::dead_host(nothing().denied().silent(Silence::Host), NodeState::Unreachable, Ground::SilentHost)]
#[case::no_ssh(refused().denied(), NodeState::NotRunning, Ground::PeersAlone)]
#[case::no_ssh_and_a_check_that_still_passed(
    refused().denied().served(), NodeState::NotRunning, Ground::PeersAlone)]
#[case::gone_silent_before_others_noticed(
    nothing().up().silent(Silence::Host).served().heard(), NodeState::Unreachable, Ground::SilentHost)]
#[case::cut_off_from_here_only(
    nothing().up().silent(Silence::Host).served(), NodeState::Running, Ground::Peers)]
#[case::its_plugin_is_off(refused().up(), NodeState::Running, Ground::Peers)]
#[case::the_tool_knows(refused().tool(), NodeState::Running, Ground::OwnTool)]
#[case::the_tool_may_be_older_than_a_peer(refused().tool().denied(), NodeState::NotRunning, Ground::PeersAlone)]
#[case::it_has_users_of_its_own(
    nothing().door(Door::OtherUsers), NodeState::Running, Ground::OtherUsers)]
#[case::stopped_and_nobody_can_be_asked(
    refused().shunned().host(Inactive, [false, false]), NodeState::Down, Ground::NoRuntime)]
#[case::stopped_just_now_and_a_check_that_passed_before(
    refused().served().host(Inactive, [false, false]), NodeState::Down, Ground::NoRuntime)]
#[case::epmd_forgot_it_and_clients_are_served(
    refused().served().host(Active, [false, true]), NodeState::Unknown, Ground::Serves)]
#[case::app_stopped_and_nobody_can_be_asked(
    refused().shunned().host(Active, [true, false]), NodeState::AppStopped, Ground::AppStopped)]
#[case::plugin_off_everywhere(
    refused().served().host(Active, [true, true]), NodeState::Unknown, Ground::Serves)]
#[case::plugin_off_everywhere_without_balancers(
    refused().host(Active, [true, true]), NodeState::Unknown, Ground::Serves)]
#[case::plugin_off_everywhere_without_ssh(refused().served(), NodeState::Unknown, Ground::Serves)]
#[case::no_load_balancer_reaches_it(refused().shunned(), NodeState::Unknown, Ground::Shunned)]
#[case::a_port_that_is_refused_says_nothing_more(refused(), NodeState::Unknown, Ground::Undecided)]
#[case::tls_fails(nothing().door(Door::Speaks), NodeState::Unknown, Ground::Undecided)]
#[case::nothing_answers_from_here(
    nothing().silent(Silence::Everything), NodeState::Unknown, Ground::NothingAnswers)]
#[case::nothing_is_known(nothing(), NodeState::Unknown, Ground::Undecided)]
fn the_first_row_that_fits(#[case] seen: Seen, #[case] state: NodeState, #[case] ground: Ground) {
    assert_eq!(judge(&seen.0), (state, ground));
}
