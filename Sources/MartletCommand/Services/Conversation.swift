import MartletTCP

/// One TCP conversation of a service, apart from the network: octets in, octets out.
///
/// Whoever drives it gives it what has arrived, but never more than it has appetite for, and
/// sends what it offers, as much as fits. So back-pressure works in both directions without
/// a queue in between: what a conversation does not take stays in the receive buffer and
/// closes the window; what the send buffer does not take stays in the conversation.
package protocol Conversation: AnyObject {
  /// How many octets it takes now, for certain.
  var appetite: Int { get }

  /// Takes octets that arrived: at most `appetite`.
  func take(_ octets: RawSpan)

  /// The peer has closed its half; nothing more will arrive.
  func peerFinished()

  /// Writes the octets that come next from the start of `room`, as many as are at hand and
  /// fit, and returns how many. They are offered again until `sent` says that they are gone.
  func offer(_ room: inout MutableRawSpan) -> Int

  /// The first `count` octets of those offered last are on their way.
  func sent(_ count: Int)

  /// What becomes of the connection once nothing is offered any more.
  var outlook: Outlook { get }

  /// Something worth a line in the log, once.
  func takeNote() -> ServiceNote?
}

/// A conversation to which time matters, though it waits for nothing.
package protocol TimedConversation: Conversation {
  /// Told before it is asked anything.
  var now: Instant { get set }
}

/// A conversation that knows the time, and has others beside it that depend on it.
package protocol CoupledConversation: Conversation {
  /// Told before it is asked anything, and at `deadline`: the time, and how many segments its connection has
  /// sent again so far, modulo 2^32.
  func look(_ now: Instant, retransmitted: UInt32)

  /// When it wants to look though nothing happens; nil: never.
  var deadline: Instant? { get }

  /// Whether something has changed for the other conversations of its kind since the last call.
  func takeStir() -> Bool

  /// The connection is over.
  func gone()
}

/// What a conversation wants of its connection when it has nothing to offer.
package enum Outlook: Equatable, Sendable {
  /// To stay open: more may come.
  case open
  /// To close its half; what still arrives is thrown away until the peer closes too.
  case finish
  /// To close both halves and forget about it.
  case close
  /// To reset.
  case abort
}

/// What a service tells about a conversation.
package enum ServiceNote: Equatable, Sendable {
  /// A request was answered; `octets` of content.
  case request(method: String, target: String, status: UInt16, octets: UInt64)
  /// An iperf3 test has ended well.
  case measured(Iperf3Measurement)
  /// A client was turned away, and why.
  case refused(String)
}

extension Conversation {
  package func takeNote() -> ServiceNote? { nil }
}

extension MutableRawSpan {
  /// Copies as much of `octets` as fits to the start and returns how many that were.
  package mutating func fill(_ octets: ArraySlice<UInt8>) -> Int {
    let count = Swift.min(octets.count, byteCount)
    withUnsafeMutableBytes { room in
      octets.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
    }
    return count
  }
}

extension [UInt8] {
  /// Appends the octets of a span.
  package mutating func append(_ octets: RawSpan) {
    octets.withUnsafeBytes { append(contentsOf: $0) }
  }
}
