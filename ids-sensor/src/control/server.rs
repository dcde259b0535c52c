//! Serves the control socket on a thread of its own, off the packet path.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};

use super::client::{Client, ControlError};
use super::{Answer, Commands, Hello, LONGEST, Request, Status, VERSIONS};

/// Clients that are served at a time; further ones wait.
const CLIENTS: usize = 16;

/// A socket that is being served. Dropping it stops serving, too.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the socket and starts to serve it. A socket that a dead sensor left behind is taken over.
pub fn start(path: &Path, commands: Arc<dyn Commands>) -> Result<Server, ControlError> {
    let io = |source| ControlError::Io { path: path.to_owned(), source };
    if path.exists() {
        match Client::connect(path) {
            Err(ControlError::NoSensor { .. }) => std::fs::remove_file(path).map_err(io)?,
            _ => return Err(ControlError::InUse { path: path.to_owned() }),
        }
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    listener.set_nonblocking(true).map_err(io)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(io)?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || runtime.block_on(serve(listener, commands, stopped)))
        .map_err(io)?;
    Ok(Server { path: path.to_owned(), stop: Some(stop), thread: Some(thread) })
}

impl Server {
    /// Stops serving and removes the socket.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the control socket could not be removed");
        }
    }
}

async fn serve(
    listener: std::os::unix::net::UnixListener,
    commands: Arc<dyn Commands>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control socket cannot be served"),
    };
    let room = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let commands = Arc::clone(&commands);
                let room = Arc::clone(&room);
                tokio::spawn(async move {
                    // The semaphore is never closed.
                    let Ok(_place) = room.acquire().await else { return };
                    if let Err(error) = converse(stream, commands).await {
                        tracing::debug!(%error, "a control client went away");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a control client could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// One client, until it closes or talks nonsense.
async fn converse(stream: UnixStream, commands: Arc<dyn Commands>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let hello = line(&mut reader).await?;
    let version = serde_json::from_str::<Hello>(&hello).map(|hello| hello.version);
    if !version.as_ref().is_ok_and(|version| VERSIONS.contains(&version.as_str())) {
        let reason = format!("begin with {{\"version\": \"{}\"}}", VERSIONS[1]);
        return answer(&mut writer, Err(reason)).await;
    }
    answer(&mut writer, Ok(Value::Null)).await?;
    loop {
        let text = line(&mut reader).await?;
        if text.is_empty() {
            return Ok(());
        }
        let request: Request = match serde_json::from_str(&text) {
            Ok(request) => request,
            Err(error) => return answer(&mut writer, Err(format!("this is no command: {error}"))).await,
        };
        let commands = Arc::clone(&commands);
        // Commands may read disks: not on the thread that accepts.
        let done = tokio::task::spawn_blocking(move || carry_out(&*commands, &request)).await;
        let result = done.unwrap_or_else(|_| Err("the command failed; the log says why".to_owned()));
        answer(&mut writer, result).await?;
    }
}

fn carry_out(commands: &dyn Commands, request: &Request) -> Result<Value, String> {
    if request.command == "command-list" {
        let mut names = commands.names();
        names.push("command-list");
        names.sort_unstable();
        return Ok(json!({ "count": names.len(), "commands": names }));
    }
    commands.call(&request.command, &request.arguments)
}

/// The next line; empty at the end. A line beyond the limit ends the conversation.
async fn line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut text = String::new();
    reader.take(LONGEST).read_line(&mut text).await?;
    Ok(text)
}

async fn answer(writer: &mut (impl AsyncWriteExt + Unpin), result: Result<Value, String>) -> std::io::Result<()> {
    let answer = match result {
        Ok(message) => Answer { status: Status::Ok, message },
        Err(reason) => Answer { status: Status::Failed, message: Value::String(reason) },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}
