//! What the simulated cluster does by itself: it is told the time, and nothing else.

use super::{Event, Life, Release, Row, Size, World};
use rstest::rstest;
use std::time::Duration;

const SMALL: Size = Size {
    queues: 16,
    clients: 9,
};

fn told(release: Release) -> World {
    let mut world = World::new(release, SMALL, 42);
    let at = Duration::from_secs;
    world.tell([
        (at(3), Event::BrokerDies(1)),
        (at(9), Event::HostGone(0)),
        (at(5), Event::ServiceStarts(1)),
    ]);
    world
}

#[rstest]
#[case(Release::R310)]
#[case(Release::R40)]
#[case(Release::R43)]
fn it_is_the_same_however_often_it_is_looked_at(#[case] release: Release) {
    let (mut once, mut often) = (told(release), told(release));
    once.step(Duration::from_secs(20));
    for ms in (0..=20_000).step_by(37) {
        often.step(Duration::from_millis(ms));
    }
    often.step(Duration::from_secs(20));
    assert_eq!(format!("{once:?}"), format!("{often:?}"));
}

#[test]
fn another_seed_is_another_story() {
    let mut worlds = [1, 2].map(|seed| World::new(Release::R43, SMALL, seed));
    for world in &mut worlds {
        world.step(Duration::from_secs(5));
    }
    let depths = worlds.map(|world| {
        let depths = world.queues().iter().map(|queue| queue.messages);
        depths.collect::<Vec<u64>>()
    });
    assert_ne!(depths[0], depths[1]);
}

/// Clients of a broker that dies come again, and stay where they landed when it is back.
#[test]
fn clients_come_again_and_stay() {
    let mut world = World::new(Release::R43, SMALL, 1);
    assert_eq!(
        (0..3).map(|at| world.connections(at)).collect::<Vec<_>>(),
        [3, 3, 3]
    );
    world.happen(&Event::BrokerDies(2));
    world.pass(Duration::from_secs(8));
    let after: Vec<usize> = (0..3).map(|at| world.connections(at)).collect();
    assert_eq!((after.iter().sum::<usize>(), after[2]), (9, 0));
    assert!(!world.unserved().is_zero());
    world.happen(&Event::ServiceStarts(2));
    world.pass(Duration::from_secs(8));
    assert_eq!(world.connections(2), 0);
    assert_eq!(world.sees(0, 2), Some(Row::Running));
}

/// An alarm of one member stops every publisher, and the queues run dry.
#[test]
fn an_alarm_stops_publishers_everywhere() {
    let mut world = World::new(Release::R43, SMALL, 1);
    world.pass(Duration::from_secs(2));
    assert!(world.traffic().published > 0.0);
    world.happen(&Event::Memory(2, super::MEMORY_LIMIT + 1));
    world.pass(Duration::from_secs(2));
    assert!(world.traffic().published == 0.0 && world.traffic().delivered > 0.0);
    world.pass(Duration::from_secs(300));
    assert!(world.traffic().delivered < 1.0, "{:?}", world.traffic());
    world.happen(&Event::Memory(2, 140_000_000));
    world.pass(Duration::from_secs(2));
    assert!(world.traffic().published > 0.0);
}

/// The VIP and its clients move with HAProxy, and come back with it.
#[test]
fn the_vip_follows_haproxy() {
    let mut world = World::new(Release::R40, SMALL, 1);
    for (unit, holder) in [(super::Unit::Failed, 1), (super::Unit::Active, 0)] {
        world.happen(&Event::Haproxy(0, unit));
        world.pass(Duration::from_secs(6));
        assert_eq!(world.holders().collect::<Vec<_>>(), [holder]);
        let landed = world
            .clients()
            .iter()
            .filter(|client| client.broker().is_some());
        assert_eq!(landed.count(), 9);
    }
}

/// On Mnesia who stopped first waits for who stopped last; on Khepri for a majority.
#[rstest]
#[case(Release::R310, [false, false, true])]
#[case(Release::R43, [false, true, true])]
fn who_starts_alone_waits(#[case] release: Release, #[case] runs: [bool; 3]) {
    let mut world = World::new(release, SMALL, 1);
    for at in 0..3 {
        world.happen(&Event::ServiceStops(at));
        world.pass(Duration::from_secs(3));
    }
    // In the order in which they stopped.
    for (at, runs) in runs.into_iter().enumerate() {
        world.happen(&Event::ServiceStarts(at));
        world.pass(Duration::from_secs(5));
        let life = world.host(at).map(|host| host.broker.life);
        assert_eq!(life == Some(Life::Running), runs, "{at}: {life:?}");
    }
}
