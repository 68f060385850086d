use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::classify::{AnswerOdds, Embedding, NormRows, Pixels, Triple};

/// A model that does nothing of its own: these tests bring their work along.
struct Idle {
    renewable: bool,
}

impl Model for Idle {
    fn look(&mut self, _: &Pixels) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }

    fn embed(&mut self, _: &str) -> Result<Embedding, ModelError> {
        Ok(Embedding::of(Vec::new()))
    }

    fn norms(&mut self, _: &NormRows) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }

    fn answer(&mut self, _: &Triple) -> Result<AnswerOdds, ModelError> {
        Err(ModelError::Other("it judges nothing".to_owned()))
    }

    fn renew(&self) -> Option<Box<dyn Model>> {
        self.renewable.then(|| Box::new(Self { renewable: true }) as Box<dyn Model>)
    }
}

fn pool(threads: usize, queue: usize, renewable: bool) -> Arc<Pool> {
    let models = (0..threads).map(|_| Box::new(Idle { renewable }) as Box<dyn Model>).collect();
    let (pool, refused) = Pool::start(models, queue);
    assert!(refused.is_none());
    Arc::new(pool)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// Keeps the pool's one thread busy until the sender is dropped or used, and returns once the thread is at it.
async fn occupy(pool: &Arc<Pool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Unavailable>>) {
    let (release, released) = mpsc::channel::<()>();
    let (start, started) = oneshot::channel();
    let pool = Arc::clone(pool);
    #[expect(clippy::disallowed_methods, reason = "a test joins its own tasks")]
    let task = tokio::spawn(async move {
        let work = move |_: &mut dyn Model| {
            let _ = start.send(());
            let _ = released.recv();
            Ok(())
        };
        pool.run(soon(), work).await
    });
    started.await.unwrap();
    (release, task)
}

#[tokio::test]
async fn jobs_are_done_in_their_order() {
    let pool = pool(1, 8, false);
    let (release, first) = occupy(&pool).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs = (0..5).map(|number| {
        let order = Arc::clone(&order);
        pool.run(soon(), move |_| {
            order.lock().unwrap().push(number);
            Ok(number)
        })
    });
    let all = futures_util::future::join_all(jobs);
    let (results, ()) = futures_util::future::join(all, async { drop(release) }).await;
    assert!(first.await.unwrap().is_ok());
    assert_eq!(results, [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn one_job_more_than_the_queue_holds_is_refused_as_busy() {
    let pool = pool(1, 2, false);
    let (release, first) = occupy(&pool).await;
    let waiting: Vec<_> = (0..2).map(|_| Box::pin(pool.run(soon(), |_| Ok(())))).collect();
    let waiting = futures_util::future::join_all(waiting);
    let refused = async {
        let refused = pool.run(soon(), |_| Ok(())).await;
        assert_eq!((pool.waiting(), pool.most()), (2, 2));
        drop(release);
        refused
    };
    let (done, refused) = futures_util::future::join(waiting, refused).await;
    assert_eq!(refused, Err(Unavailable::Busy));
    assert_eq!(done, [Ok(()), Ok(())]);
    first.await.unwrap().unwrap();
    assert_eq!((pool.counts().busy, pool.waiting()), (1, 0));
}

#[tokio::test]
async fn a_job_whose_deadline_passed_in_the_queue_is_not_run() {
    let pool = pool(1, 8, false);
    let (release, first) = occupy(&pool).await;
    let (ran, nothing) = mpsc::channel();
    let late = pool.run(Instant::now(), move |_| {
        ran.send(()).unwrap();
        Ok(())
    });
    let (late, ()) = futures_util::future::join(late, async { drop(release) }).await;
    assert_eq!(late, Err(Unavailable::Late));
    assert!(nothing.recv().is_err(), "the job ran");
    first.await.unwrap().unwrap();
    assert_eq!(pool.counts().late, 1);
}

#[tokio::test]
async fn an_error_fails_the_job_and_leaves_the_thread() {
    let pool = pool(1, 8, false);
    let failed = pool.run(soon(), |_| Err::<(), _>(ModelError::Other("no".to_owned()))).await;
    assert_eq!(failed, Err(Unavailable::Failed));
    assert_eq!(pool.run(soon(), |_| Ok(7)).await, Ok(7));
    assert_eq!((pool.alive(), pool.counts().failed), (1, 1));
}

#[tokio::test]
async fn a_panic_fails_the_job_and_a_fresh_model_goes_on() {
    let pool = pool(1, 8, true);
    let failed = pool.run(soon(), |_| -> Result<(), ModelError> { panic!("in a model") }).await;
    assert_eq!(failed, Err(Unavailable::Failed));
    assert_eq!(pool.run(soon(), |_| Ok(7)).await, Ok(7));
    assert_eq!((pool.alive(), pool.counts()), (1, Counts { done: 1, failed: 1, ..Counts::default() }));
}

#[tokio::test]
async fn with_every_thread_dead_each_call_fails_at_once() {
    let pool = pool(1, 8, false);
    let (release, _first) = occupy(&pool).await;
    let panicking = pool.run(soon(), |_| -> Result<(), ModelError> { panic!("in a model") });
    let stranded = pool.run(soon(), |_| Ok(()));
    let both = futures_util::future::join(panicking, stranded);
    let (both, ()) = futures_util::future::join(both, async { drop(release) }).await;
    assert_eq!(both, (Err(Unavailable::Failed), Err(Unavailable::Failed)));
    assert_eq!(pool.run(soon(), |_| Ok(())).await, Err(Unavailable::Failed));
    assert_eq!((pool.alive(), pool.waiting()), (0, 0));
}

#[tokio::test]
async fn a_pool_without_models_fails_at_once() {
    let pool = pool(0, 8, false);
    assert_eq!(pool.run(soon(), |_| Ok(())).await, Err(Unavailable::Failed));
}

#[tokio::test]
async fn the_threads_end_when_the_pool_is_gone() {
    let pool = pool(3, 8, false);
    let shared = Arc::clone(&pool.0);
    drop(pool);
    while shared.lock().alive > 0 {
        tokio::task::yield_now().await;
    }
}
