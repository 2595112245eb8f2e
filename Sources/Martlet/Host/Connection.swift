import MartletStack
import MartletTCP
import Synchronization

/// A TCP connection of a `Host`, for tasks.
///
/// Reading and writing are independent, as TCP's two directions are: one task may read while
/// another writes. What is not read stays in the stack and closes the window it offers; `write`
/// comes back when the stack has taken everything. A connection that is dropped without a word
/// is closed gracefully.
public final class Connection: Sendable {
  public let local: Endpoint
  public let remote: Endpoint
  let id: ConnectionID
  private let mailbox: Mailbox
  private let isReleased = Atomic<Bool>(false)

  init(_ id: ConnectionID, local: Endpoint, remote: Endpoint, _ mailbox: Mailbox) {
    self.id = id
    self.local = local
    self.remote = remote
    self.mailbox = mailbox
  }

  deinit { release(aborting: false) }

  /// Waits for octets and gives what there is, at most `limit` (65,536 whatever is asked); nil
  /// when the peer has closed its half and everything has been read. Cancelling loses nothing.
  public func read(_ limit: Int = 65_536) async throws(HostError) -> [UInt8]? {
    let id = self.id
    return try await mailbox.ask { waiter, service, stack, now in
      service.read(waiter, id, limit: limit, &stack, now)
    } sweep: { service, _, _ in
      service.sweep(id)
    }
  }

  /// Writes all of `octets`; comes back when the stack has them, which is not when the peer has.
  /// A cancelled write may have sent some of them.
  public func write(_ octets: [UInt8]) async throws(HostError) {
    try await queue(octets)
  }

  /// Says that nothing more will be written: a FIN follows the last octet. Reading goes on.
  public func finish() async throws(HostError) {
    try await queue(nil)
  }

  private func queue(_ octets: [UInt8]?) async throws(HostError) {
    let id = self.id
    try await mailbox.ask { (waiter: Waiter<Void>, service, stack, now) in
      service.write(waiter, id, octets, &stack, now)
    } sweep: { service, _, _ in
      service.sweep(id)
    }
  }

  /// Closes both directions. The stack sends what was written and then a FIN; it resets instead
  /// if something has arrived that nobody read (RFC 1122 §4.2.2.13). Tasks that still wait fail.
  public func close() { release(aborting: false) }

  /// Resets the connection: the peer learns that something went wrong.
  public func abort() { release(aborting: true) }

  private func release(aborting: Bool) {
    guard !isReleased.exchange(true, ordering: .relaxed) else { return }
    let id = self.id
    _ = mailbox.post { service, stack, now in service.end(id, aborting: aborting, &stack, now) }
  }

  /// Everything there is to know of the connection at this moment (RFC 9293 §3.10.6).
  public func status() async throws(HostError) -> ConnectionReport {
    let id = self.id
    return try await mailbox.ask { (waiter: Waiter<ConnectionReport>, _, stack, now) in
      let report = try? stack.status(id, now: now)
      waiter.resume(report.map { .success($0) } ?? .failure(.closed))
    } sweep: { _, _, _ in
    }
  }
}
