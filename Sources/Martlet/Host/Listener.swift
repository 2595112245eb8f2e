import MartletStack
import MartletTCP
import Synchronization

/// A port that a `Host` listens on: a sequence of the connections that peers make to it.
///
/// Connections wait in the stack, at most `ListenerOptions.acceptLimit` of them, until a task
/// asks for the next. The sequence ends when the listener is closed or the task is cancelled.
/// A listener that is dropped is closed.
public final class Listener: AsyncSequence, Sendable {
  public typealias Element = Connection
  public typealias Failure = HostError

  /// Where it listens; the port that was chosen, if it was asked for port 0.
  public let local: LocalEndpoint
  private let id: ListenerID
  private let mailbox: Mailbox
  private let isReleased = Atomic<Bool>(false)

  init(_ id: ListenerID, local: LocalEndpoint, _ mailbox: Mailbox) {
    self.id = id
    self.local = local
    self.mailbox = mailbox
  }

  deinit { close() }

  /// Waits for the next connection.
  public func accept() async throws(HostError) -> Connection {
    let id = self.id
    return try await mailbox.ask { waiter, service, stack, now in
      service.accept(waiter, id, &stack, now)
    } sweep: { service, _, _ in
      service.sweep(id)
    }
  }

  /// Stops listening. Connections that nobody accepted are reset; the others live on.
  public func close() {
    guard !isReleased.exchange(true, ordering: .relaxed) else { return }
    let id = self.id
    _ = mailbox.post { service, stack, now in service.close(id, &stack, now) }
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let listener: Listener

    public mutating func next() async throws(HostError) -> Connection? {
      try await listener.acceptUnlessClosed()
    }

    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(HostError) -> Connection? {
      try await listener.acceptUnlessClosed()
    }
  }

  private func acceptUnlessClosed() async throws(HostError) -> Connection? {
    do throws(HostError) {
      return try await accept()
    } catch {
      guard error.code == .closed || error.code == .cancelled else { throw error }
      return nil
    }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listener: self) }
}
