//! The server over real sockets, with a paused clock that advances only when nothing else can.

use std::net::SocketAddr;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::*;

type Answer = Box<dyn Fn(PageRequest<'_>) -> PageAnswer + Send + Sync>;

/// A page that answers at once, or when it is allowed to.
struct Fixed {
    path: &'static str,
    post: bool,
    answer: Answer,
    wait: Option<(Arc<Notify>, Arc<Notify>)>,
}

impl Page for Fixed {
    fn path(&self) -> &str {
        self.path
    }

    fn post(&self) -> bool {
        self.post
    }

    fn answer<'a>(&'a self, request: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        Box::pin(async move {
            if let Some((entered, leave)) = &self.wait {
                entered.notify_one();
                leave.notified().await;
            }
            (self.answer)(request)
        })
    }
}

fn page(path: &'static str, answer: impl Fn(PageRequest<'_>) -> PageAnswer + Send + Sync + 'static) -> Fixed {
    Fixed { path, post: false, answer: Box::new(answer), wait: None }
}

fn hello() -> Fixed {
    page("/hello", |_| PageAnswer::text(200, "hello\n"))
}

/// A page that signals the arrival of a request, and answers on a signal.
fn slow() -> (Fixed, Arc<Notify>, Arc<Notify>) {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut slow = page("/slow", |_| PageAnswer::text(200, "late\n"));
    slow.wait = Some((Arc::clone(&entered), Arc::clone(&leave)));
    (slow, entered, leave)
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinSet<()>,
}

impl Running {
    async fn start(limits: Limits, pages: Vec<Fixed>, drain: Duration) -> Self {
        let pages: Pages = pages.into_iter().map(|page| Box::new(page) as Box<dyn Page>).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut served = JoinSet::new();
        served.spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve_within(limits, listener, pages, stopped, drain).await;
        });
        Self { address, stop, served }
    }

    async fn with(pages: Vec<Fixed>) -> Self {
        Self::start(LIMITS, pages, Duration::from_secs(5)).await
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// The complete response to a request whose head is `lines`.
    async fn ask(&self, lines: &str) -> String {
        let client = self.client().await;
        client.send(format!("{lines}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await;
        client.rest().await
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.0.writable().await.unwrap();
            match self.0.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    }

    /// The next bytes; nothing at the end, or after the server has closed the connection.
    async fn some(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65536];
        loop {
            self.0.readable().await.unwrap();
            match self.0.try_read(&mut buffer) {
                Ok(read) => {
                    buffer.truncate(read);
                    return buffer;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Vec::new(),
            }
        }
    }

    /// Everything until the end.
    async fn rest(&self) -> String {
        let mut all = Vec::new();
        loop {
            let some = self.some().await;
            if some.is_empty() {
                return String::from_utf8(all).unwrap();
            }
            all.extend(some);
        }
    }
}

fn has(answer: &str, header: &str) -> bool {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().any(|line| line.eq_ignore_ascii_case(header))
}

#[tokio::test]
async fn a_page_is_answered_and_head_is_the_same_without_the_body() {
    let negotiated = page("/metrics", |_| PageAnswer {
        encoding: Some("gzip"),
        negotiated: true,
        ..PageAnswer::text(200, "squeezed")
    });
    let server = Running::with(vec![hello(), negotiated]).await;
    for path in ["/hello", "/hello?x=/nowhere", "http://other/hello"] {
        let answer = server.ask(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
        for header in
            ["content-length: 6", "content-type: text/plain; charset=utf-8", "x-content-type-options: nosniff"]
        {
            assert!(has(&answer, header), "{answer}");
        }
        assert!(!answer.contains("vary") && !answer.contains("content-encoding"), "{answer}");
    }
    let head = server.ask("HEAD /hello HTTP/1.1").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(has(&head, "content-length: 6") && has(&head, "content-type: text/plain; charset=utf-8"), "{head}");
    let metrics = server.ask("GET /metrics HTTP/1.1").await;
    assert!(has(&metrics, "vary: Accept, Accept-Encoding") && has(&metrics, "content-encoding: gzip"), "{metrics}");
}

#[tokio::test]
async fn a_missing_page_is_404_and_a_wrong_method_405() {
    let reload = Fixed { post: true, ..page("/-/reload", |_| PageAnswer::text(200, "done\n")) };
    let server = Running::with(vec![hello(), reload]).await;
    for path in ["/", "/hello/", "/HELLO", "/%68ello", "*"] {
        let answer = server.ask(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(has(&answer, "x-content-type-options: nosniff"), "{answer}");
    }
    for (method, path, allow) in [
        ("POST", "/hello", "allow: GET, HEAD"),
        ("OPTIONS", "/hello", "allow: GET, HEAD"),
        ("BREW", "/hello", "allow: GET, HEAD"),
        ("GET", "/-/reload", "allow: POST, PUT"),
        ("HEAD", "/-/reload", "allow: POST, PUT"),
    ] {
        let answer = server.ask(&format!("{method} {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && has(&answer, allow), "{method} {path}: {answer}");
    }
    for method in ["POST", "PUT"] {
        let answer = server.ask(&format!("{method} /-/reload HTTP/1.1")).await;
        assert!(answer.ends_with("\r\n\r\ndone\n"), "{answer}");
    }
}

#[tokio::test]
async fn pages_receive_all_lines_of_their_headers() {
    let echo = page("/echo", |request| {
        let parts = [request.accept, request.accept_encoding, request.scrape_timeout];
        PageAnswer::text(200, format!("{parts:?}"))
    });
    let server = Running::with(vec![echo]).await;
    let answer = server
        .ask("GET /echo HTTP/1.1\r\naccept: a;q=1\r\nAccept: b,c\r\nAccept: \u{e9}\r\nX-Prometheus-Scrape-Timeout-Seconds: 2.000")
        .await;
    assert!(answer.ends_with("[Some(\"a;q=1, b,c\"), None, Some(\"2.000\")]"), "{answer}");
}

#[tokio::test]
async fn a_page_that_panics_does_not_affect_others() {
    let server = Running::with(vec![hello(), page("/panic", |_| panic!("on purpose"))]).await;
    let client = server.client().await;
    client
        .send(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let answers = client.rest().await;
    assert!(answers.starts_with("HTTP/1.1 500 ") && answers.ends_with("hello\n"), "{answers}");
    assert!(!answers.contains("on purpose"), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_and_an_idle_connection_are_cut() {
    let server = Running::with(vec![hello()]).await;
    for sent in ["", "GET /hello HTTP/1.1\r\nHos", "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let client = server.client().await;
        let since = Instant::now();
        client.send(sent.as_bytes()).await;
        let answer = client.rest().await;
        assert_eq!(answer.contains("200 OK"), sent.ends_with("\r\n\r\n"), "{answer}");
        assert!(since.elapsed() < LIMITS.head * 2, "{sent:?} took {:?}", since.elapsed());
    }
    let since = Instant::now();
    let dripping = server.client().await;
    dripping.send(b"GET /hello HTTP/1.1\r\n").await;
    while since.elapsed() < LIMITS.head * 2 {
        if dripping.0.try_write(b"x: y\r\n").is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("a head that drips in is still read");
}

#[tokio::test]
async fn an_oversized_head_is_refused_and_a_body_is_not_read() {
    let server = Running::with(vec![hello()]).await;
    let answer = server.ask(&format!("GET /hello HTTP/1.1\r\nx: {}", "y".repeat(2 * LIMITS.head_bytes))).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let client = server.client().await;
    client.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\nand so on").await;
    let answer = client.rest().await;
    assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let (slow, entered, leave) = slow();
    let limits = Limits { connections: 1, ..LIMITS };
    let server = Running::start(limits, vec![slow, hello()], Duration::from_secs(5)).await;
    let first = server.client().await;
    first.send(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    entered.notified().await;
    let second = server.client().await;
    second.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    // It cannot have been accepted yet; only the kernel has.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(second.0.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    leave.notify_one();
    assert!(first.rest().await.ends_with("late\n"));
    assert!(second.rest().await.ends_with("hello\n"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_hold_its_connection_forever() {
    let large = page("/large", |_| PageAnswer::text(200, vec![b'x'; 64 << 20]));
    let limits = Limits { connections: 1, ..LIMITS };
    let server = Running::start(limits, vec![large, hello()], Duration::from_secs(5)).await;
    let reader = server.client().await;
    let since = Instant::now();
    reader.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!reader.some().await.is_empty());
    let answer = server.ask("GET /hello HTTP/1.1").await;
    assert!(answer.ends_with("hello\n"), "{answer}");
    assert!(since.elapsed() >= LIMITS.life + LIMITS.linger, "cut after {:?}", since.elapsed());
    let mut read = 0;
    loop {
        match reader.some().await.len() {
            0 => break,
            some => read += some,
        }
    }
    assert!(read < 64 << 20, "the response was complete");
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_accepts_no_new_ones() {
    let (slow, entered, leave) = slow();
    let mut server = Running::with(vec![slow]).await;
    let idle = server.client().await;
    let busy = server.client().await;
    busy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    server.stop.send(()).unwrap();
    assert_eq!(idle.rest().await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    leave.notify_one();
    // Without the stop it would be kept alive.
    assert!(busy.rest().await.ends_with("late\n"));
    server.served.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_cut_when_the_drain_is_over() {
    let (slow, entered, _leave) = slow();
    let mut server = Running::start(LIMITS, vec![slow], Duration::from_secs(5)).await;
    let client = server.client().await;
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    let since = Instant::now();
    server.stop.send(()).unwrap();
    server.served.join_next().await.unwrap().unwrap();
    assert!((5..6).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_client_that_goes_away_drops_its_request() {
    struct Dropped(Mutex<Option<oneshot::Sender<()>>>);
    impl Page for Dropped {
        fn path(&self) -> &'static str {
            "/wait"
        }
        fn answer<'a>(&'a self, _: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
            let sender = self.0.lock().unwrap().take();
            Box::pin(async move {
                let _sender = sender;
                std::future::pending().await
            })
        }
    }
    let (sender, gone) = oneshot::channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages: Pages = Arc::new([Box::new(Dropped(Mutex::new(Some(sender))))]);
    let asking = async {
        let client = Client(TcpStream::connect(address).await.unwrap());
        client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
        drop(client);
        assert!(gone.await.is_err());
    };
    serve(listener, pages, asking, Duration::from_secs(5)).await;
}

#[test]
fn only_a_shortage_makes_accept_pause() {
    assert!(pause_after(&io::ErrorKind::ConnectionAborted.into()).is_zero());
    let too_many_files = io::Error::from_raw_os_error(24);
    assert!(!pause_after(&too_many_files).is_zero());
}
