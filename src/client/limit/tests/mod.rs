//! Checks the window against a slow and obvious count of it, and the waiting line with a paused clock.

use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Each request of a history: when it was sent, and when its response began, if it has.
type History = Vec<(Instant, Option<Instant>)>;

/// The slow and obvious computation: requests that the server may have counted less than a window ago.
fn counted(history: &History, window: Duration, now: Instant) -> usize {
    history.iter().filter(|(_, ended)| ended.is_none_or(|ended| ended + window > now)).count()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Send,
    Answer(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..4_000_u64).prop_map(Step::Pass),
        Just(Step::Send),
        Just(Step::Send),
        any::<prop::sample::Index>().prop_map(Step::Answer),
    ];
    prop::collection::vec(step, 0..200)
}

/// A limiter that waits for holds of ten minutes and is held for fifteen at most.
fn new_limiter(limit: Option<RateLimit>) -> RateLimiter {
    RateLimiter::new(limit, seconds(600), seconds(900))
}

fn limit() -> impl Strategy<Value = RateLimit> {
    (1..8_u32, 1..20_u64).prop_map(|(requests, window)| RateLimit::per_seconds(requests, window))
}

proptest! {
    #[test]
    fn a_permit_is_given_exactly_when_there_is_room(
        ours in prop::option::of(limit()),
        theirs in prop::option::of(limit()),
        steps in steps(),
        server in prop::collection::vec(0.0..=1.0_f64, 200),
    ) {
        let mut state = LimiterState { ours, theirs, ..LimiterState::default() };
        let limits: Vec<RateLimit> = ours.into_iter().chain(theirs).collect();
        let mut history = History::new();
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Pass(millis) => now += Duration::from_millis(millis),
                Step::Answer(which) => {
                    let open: Vec<usize> = (0..history.len()).filter(|at| history[*at].1.is_none()).collect();
                    if !open.is_empty() {
                        history[*which.get(&open)].1 = Some(now);
                        state.leave(now);
                    }
                }
                Step::Send => {
                    let free = |at| {
                        limits.iter().all(|l| counted(&history, l.window, at) < l.requests as usize)
                    };
                    match state.take(now, Duration::MAX) {
                        Admission::Now => {
                            prop_assert!(free(now));
                            history.push((now, None));
                        }
                        Admission::At(at) => {
                            prop_assert!(at > now && free(at));
                            prop_assert!(!free(at - Duration::from_nanos(1)));
                        }
                        Admission::AfterAnAnswer => prop_assert!(!free(now + Duration::from_hours(1))),
                        Admission::Blocked(_) => prop_assert!(false, "nothing holds it"),
                    }
                }
            }
        }
        // Whenever the server counts a request between sending and response, no window holds too many.
        let mut arrivals: Vec<Instant> = history.iter().zip(server).map(|((sent, ended), part)| {
            *sent + ended.map_or(Duration::ZERO, |ended| (ended - *sent).mul_f64(part))
        }).collect();
        arrivals.sort();
        for limit in limits {
            for few in arrivals.windows(limit.requests as usize + 1) {
                prop_assert!(few[few.len() - 1] - few[0] >= limit.window);
            }
        }
    }
}

/// Takes a permit and returns when; the response begins at once.
async fn enter(limiter: &RateLimiter, start: Instant) -> Result<u64, Blocked> {
    limiter.enter().await.map(|_place| start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn waiting_callers_proceed_in_order_of_arrival() {
    let limiter = new_limiter(Some(RateLimit::per_seconds(2, 10)));
    let start = Instant::now();
    let order = Mutex::new(Vec::new());
    let callers = (0..5).map(async |caller| {
        let at = enter(&limiter, start).await.unwrap();
        order.lock().unwrap().push((caller, at));
    });
    join_all(callers).await;
    assert_eq!(*order.lock().unwrap(), [(0, 0), (1, 0), (2, 10), (3, 10), (4, 20)]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_waiting_takes_no_permit() {
    let limiter = new_limiter(Some(RateLimit::per_seconds(1, 10)));
    let start = Instant::now();
    enter(&limiter, start).await.unwrap();
    assert!(tokio::time::timeout(seconds(3), limiter.enter()).await.is_err());
    assert_eq!(enter(&limiter, start).await, Ok(10));
}

#[tokio::test(start_paused = true)]
async fn a_response_makes_room_for_a_waiting_caller() {
    let limiter = new_limiter(Some(RateLimit::per_seconds(1, 10)));
    let start = Instant::now();
    let place = limiter.enter().await.unwrap();
    let (next, ()) = tokio::join!(enter(&limiter, start), async {
        sleep_until(start + seconds(5)).await;
        drop(place);
    });
    assert_eq!(next, Ok(15));
}

#[tokio::test(start_paused = true)]
async fn a_short_hold_is_waited_for_and_a_long_one_is_not() {
    let limiter = new_limiter(None);
    let start = Instant::now();
    limiter.hold(seconds(600));
    limiter.hold(seconds(5));
    assert_eq!(enter(&limiter, start).await, Ok(600));
    limiter.hold(seconds(30));
    let (waiting, ()) = tokio::join!(enter(&limiter, start), async {
        sleep_until(start + seconds(601)).await;
        limiter.hold(seconds(601));
    });
    assert_eq!(waiting, Err(Blocked(seconds(601))), "known at once, and not when the first hold ends");
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_cut_to_the_longest_wait() {
    let start = Instant::now();
    let refused = new_limiter(None);
    refused.hold(Duration::from_hours(24));
    let spent =
        RateLimitHeaders { remaining: Some(0), to_wait: Some(Duration::from_hours(24)), ..RateLimitHeaders::default() };
    let used_up = new_limiter(None);
    used_up.observe(&spent, false);
    for limiter in [refused, used_up] {
        assert_eq!(enter(&limiter, start).await, Err(Blocked(seconds(900))));
    }
    sleep_until(start + seconds(300)).await;
    let held = new_limiter(None);
    held.hold(Duration::from_hours(24));
    sleep_until(start + seconds(600)).await;
    assert_eq!(enter(&held, start).await, Ok(1200));
}

#[tokio::test(start_paused = true)]
async fn the_servers_limit_counts_in_addition_to_ours() {
    let limiter = new_limiter(Some(RateLimit::per_seconds(3, 10)));
    let start = Instant::now();
    let headers = |limit, window| RateLimitHeaders { limit, window, ..RateLimitHeaders::default() };
    limiter.observe(&headers(Some(1), None), false);
    assert_eq!((enter(&limiter, start).await, enter(&limiter, start).await), (Ok(0), Ok(10)));
    limiter.observe(&headers(Some(1), Some(seconds(60))), false);
    assert_eq!(enter(&limiter, start).await, Ok(70));
    limiter.observe(&headers(Some(5_000), Some(seconds(1))), false);
    let more = join_all((0..4).map(|_| enter(&limiter, start))).await;
    assert_eq!(more, [Ok(70), Ok(70), Ok(80), Ok(80)], "ours still holds");
}

#[tokio::test(start_paused = true)]
async fn none_remaining_holds_until_the_window_has_room() {
    let limiter = new_limiter(Some(RateLimit::per_seconds(100, 60)));
    let start = Instant::now();
    enter(&limiter, start).await.unwrap();
    sleep_until(start + seconds(20)).await;
    enter(&limiter, start).await.unwrap();
    let spent = RateLimitHeaders { remaining: Some(0), window: Some(seconds(60)), ..RateLimitHeaders::default() };
    limiter.observe(&spent, true);
    assert_eq!(enter(&limiter, start).await, Ok(20), "a refusal is held by its own headers");
    limiter.observe(&spent, false);
    assert_eq!(enter(&limiter, start).await, Ok(60));
    limiter.observe(&RateLimitHeaders { to_wait: Some(seconds(7)), ..spent }, false);
    assert_eq!(enter(&limiter, start).await, Ok(67));
    limiter.observe(&RateLimitHeaders { remaining: Some(0), ..RateLimitHeaders::default() }, false);
    assert_eq!(enter(&limiter, start).await, Ok(67), "without a time");
    limiter.observe(&RateLimitHeaders { window: Some(Duration::from_hours(1)), ..spent }, false);
    assert_eq!(enter(&limiter, start).await, Ok(620), "a window is only a hint, so no longer than this");
}
