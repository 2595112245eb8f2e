import MartletStack
import MartletTCP

/// A connection that a server has accepted, and its conversation.
final class ServedConnection {
  let number: UInt64
  let remote: Endpoint
  let service: Service
  let conversation: any Conversation
  /// The same, if it depends on others.
  let coupled: (any CoupledConversation)?
  /// The same, if it asks for the time.
  private let timed: (any TimedConversation)?
  let since: Instant

  /// Octets.
  private(set) var received: UInt64 = 0
  private(set) var sent: UInt64 = 0
  private var peerIsFinished = false
  /// Our FIN is queued: nothing more is offered, and what arrives is thrown away.
  private var isFinished = false

  /// - Parameter conversation: nil: the service's.
  init(
    _ number: UInt64, _ service: Service, _ conversation: (any Conversation)? = nil, from remote: Endpoint,
    at now: Instant
  ) {
    self.number = number
    self.service = service
    self.remote = remote
    self.conversation = conversation ?? service.conversation()
    coupled = self.conversation as? any CoupledConversation
    timed = self.conversation as? any TimedConversation
    since = now
  }

  /// What is to become of it after a move.
  enum Verdict: Equatable {
    /// It waits for the peer, or for room.
    case waits
    /// Our half is closed; the peer's is not yet.
    case lingers
    /// Both are done.
    case closes
    /// To be reset.
    case aborts
    /// It is over, by no doing of ours.
    case ended(EndReason)
  }

  /// Carries octets between stack and conversation, both ways, until neither can go on.
  func move(
    _ id: ConnectionID, _ stack: inout NetworkStack, _ scratch: inout [UInt8], _ now: Instant
  ) -> Verdict {
    timed?.now = now
    while true {
      do throws(Stop) {
        let taken = try receive(id, &stack, &scratch, now)
        let given = try send(id, &stack, &scratch, now)
        if taken || given { continue }
      } catch {
        return .ended(error.reason)
      }
      return settle(id, &stack, now)
    }
  }

  /// The connection is over.
  private struct Stop: Error {
    let reason: EndReason
  }

  /// Takes in what there is appetite for; false: nothing was there.
  private func receive(
    _ id: ConnectionID, _ stack: inout NetworkStack, _ scratch: inout [UInt8], _ now: Instant
  ) throws(Stop) -> Bool {
    var hasMoved = false
    while !peerIsFinished {
      let limit = min(isFinished ? .max : conversation.appetite, scratch.count)
      guard limit > 0 else { break }
      do throws(ReceiveError) {
        let count = try scratch.lend(limit) { (room: inout MutableRawSpan) throws(ReceiveError) in
          try stack.receive(id, into: &room, now: now)
        }
        hasMoved = true
        received += UInt64(count)
        if count == 0 {
          peerIsFinished = true
          conversation.peerFinished()
        } else if !isFinished {
          conversation.take(scratch.span.bytes.extracting(first: count))
        }
      } catch {
        if case .ended(let reason) = error { throw Stop(reason: reason) }
        guard error == .wouldBlock else { throw Stop(reason: .none) }
        break
      }
    }
    return hasMoved
  }

  /// Sends what is offered as long as there is room; false: nothing was sent.
  private func send(
    _ id: ConnectionID, _ stack: inout NetworkStack, _ scratch: inout [UInt8], _ now: Instant
  ) throws(Stop) -> Bool {
    var hasMoved = false
    while !isFinished {
      let count = scratch.lend(scratch.count) { room in conversation.offer(&room) }
      guard count > 0 else { break }
      do throws(SendError) {
        let taken = try stack.send(id, scratch.span.bytes.extracting(first: count), now: now)
        conversation.sent(taken)
        sent += UInt64(taken)
        hasMoved = true
      } catch {
        if case .ended(let reason) = error { throw Stop(reason: reason) }
        guard error == .wouldBlock else { throw Stop(reason: .none) }
        break
      }
    }
    return hasMoved
  }

  /// Nothing moves any more: does what the conversation wants of the connection.
  private func settle(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) -> Verdict {
    if isFinished { return peerIsFinished ? .closes : .lingers }
    switch conversation.outlook {
    case .open: return .waits
    case .abort: return .aborts
    case .close, .finish:
      // What is offered and found no room comes first.
      guard !isBlocked else { return .waits }
      if conversation.outlook == .close || peerIsFinished { return .closes }
      isFinished = true
      try? stack.shutdown(id, .send, now: now)
      return .lingers
    }
  }

  /// The conversation has something to send that the stack had no room for.
  private var isBlocked: Bool {
    var probe: [UInt8] = [0]
    return probe.lend(1) { room in conversation.offer(&room) } > 0
  }
}

extension [UInt8] {
  /// Lends the first `count` octets to be written.
  mutating func lend<R, E: Error>(
    _ count: Int, _ body: (inout MutableRawSpan) throws(E) -> R
  ) throws(E) -> R {
    var octets = mutableSpan
    return try octets.withUnsafeMutableBytes { (all: UnsafeMutableRawBufferPointer) throws(E) -> R in
      var part = UnsafeMutableRawBufferPointer(rebasing: all.prefix(count)).mutableBytes
      return try body(&part)
    }
  }
}
