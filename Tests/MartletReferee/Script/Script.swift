/// What is played to two TCPs: lines of text, and what they mean.
package struct Script: Sendable {
  package var name: String
  /// Where it stands: "file:line".
  package var origin: String
  /// As written, without its heading; a shrinker leaves lines out.
  package var lines: [String]
  /// What the application wants before anything happens.
  package var settings: Settings
  package var steps: [Step]

  /// The script as a file would have it.
  package var text: String { (["script \(name)"] + lines.map { "  " + $0 }).joined(separator: "\n") }

  /// What the application asks for, of a listener or of the socket that connects.
  package struct Settings: Equatable, Sendable {
    /// Nagle's algorithm; else TCP_NODELAY.
    var nagle = false
    /// Octets; 0: what the players have.
    var receiveBuffer = 0
    /// Seconds idle, seconds between, count.
    var keepAlive: (idle: Int, interval: Int, count: Int)?
    /// Milliseconds.
    var userTimeout = 0
    /// The stack may delay acknowledgments; else it acknowledges at once.
    var delaysAcknowledgments = false
    /// The peer's initial sequence number.
    var peerISN: UInt32 = 0x2000_0000
    var isIPv6 = false

    package static func == (a: Settings, b: Settings) -> Bool {
      a.nagle == b.nagle && a.receiveBuffer == b.receiveBuffer && a.userTimeout == b.userTimeout
        && a.delaysAcknowledgments == b.delaysAcknowledgments && a.peerISN == b.peerISN
        && a.isIPv6 == b.isIPv6
        && a.keepAlive?.idle == b.keepAlive?.idle && a.keepAlive?.interval == b.keepAlive?.interval
        && a.keepAlive?.count == b.keepAlive?.count
    }
  }

  /// One thing that happens, after which both answers are looked at.
  package enum Step: Equatable, Sendable {
    case listen
    case connect
    /// The listener goes.
    case unlisten
    case inject(ScriptSegment)
    case send(Int)
    /// At most so many octets.
    case receive(Int)
    case shutdown(ShutdownHalf)
    case close
    case abort
    /// Milliseconds.
    case wait(Int)
  }

  package enum ShutdownHalf: String, Sendable {
    case send, receive, both
  }
}

extension Script {
  /// How long a step takes. A handshake takes twenty times as long as anything later: the round trip that it measures
  /// keeps timers out of all steps but the waits.
  func milliseconds(at index: Int) -> Int {
    if case .wait(let milliseconds) = steps[index] { return milliseconds }
    let isOpen = steps[..<index].contains { step in
      if case .inject(let segment) = step {
        segment.flags.contains(.syn) && !segment.flags.contains(.rst)
      } else {
        false
      }
    }
    return isOpen ? 2 : 40
  }
}

extension Script.Step: CustomStringConvertible {
  package var description: String {
    switch self {
    case .listen: "listen"
    case .connect: "connect"
    case .unlisten: "unlisten"
    case .inject(let segment): "inject \(segment)"
    case .send(let count): "send \(count)"
    case .receive(let count): "receive \(count)"
    case .shutdown(let half): "shutdown \(half.rawValue)"
    case .close: "close"
    case .abort: "abort"
    case .wait(let milliseconds): "wait \(milliseconds)ms"
    }
  }
}
