import Martlet
import MartletTCP
import MartletTrace

/// One socket of an answer, as tables show it.
package struct SocketLine: Equatable {
  package enum Kind: String, Sendable { case tcp, udp, icmp }

  package let kind: Kind
  package let state: TCPState
  package let receiveQueue: Int64
  package let sendQueue: Int64
  package let local: Place
  /// Nil: anybody.
  package let remote: Place?
  /// All that was said of it.
  package let fields: JSONValue

  package struct Place: Equatable {
    /// `*` for any; IPv6 in brackets.
    package let address: String
    package let port: String

    package init(_ text: String) {
      let colon = text.lastIndex(of: ":") ?? text.endIndex
      address = String(text[..<colon])
      port = colon == text.endIndex ? "*" : String(text[colon...].dropFirst())
    }

    package var isIPv6: Bool { address.hasPrefix("[") }
    /// Without brackets.
    package var bareAddress: String { isIPv6 ? String(address.dropFirst().dropLast()) : address }
  }

  /// Nil: it is no socket.
  package init?(_ value: JSONValue) {
    guard case .string(let type) = value["type"], case .string(let local) = value["local"] else { return nil }
    let remote: String? = if case .string(let text) = value["remote"] { text } else { nil }
    self.local = Place(local)
    self.remote = remote.map { Place($0) }
    fields = value
    switch type {
    case "connection":
      guard case .string(let name) = value["state"], let state = TCPState(spelling: name) else { return nil }
      kind = .tcp
      self.state = state
      receiveQueue = value["receive_queue"]?.integer ?? 0
      sendQueue = value["send_queue"]?.integer ?? 0
    case "listener":
      kind = .tcp
      state = .listen
      // As Linux has it: those that wait to be accepted, and how many may.
      receiveQueue = value["acceptable"]?.integer ?? 0
      sendQueue = value["accept_limit"]?.integer ?? 0
    case "datagram", "echo":
      kind = type == "echo" ? .icmp : .udp
      state = remote == nil ? .closed : .established
      receiveQueue = value["receive_queue"]?.integer ?? 0
      sendQueue = 0
    default: return nil
    }
  }

  package func number(_ name: String) -> Int64? { fields[name]?.integer }

  /// The timer that it waits for, by the name that Linux's tools give it.
  package var timer: (name: String, milliseconds: Int64, tries: Int64)? {
    guard kind == .tcp, state != .listen else { return nil }
    let left = number("timer_ms") ?? 0
    let tries = number("tries") ?? 0
    if state == .timeWait { return ("timewait", left, 0) }
    if state == .synReceived, fields["timer"] == nil { return ("on", left, tries) }
    guard case .string(let name) = fields["timer"] else { return nil }
    switch name {
    case "retransmission", "tailProbe", "reordering": return ("on", left, tries)
    case "persist": return ("persist", left, tries)
    case "keepAlive": return ("keepalive", left, tries)
    case "ending": return ("timewait", left, 0)
    default: return nil
    }
  }
}

/// Who has the sockets, as `version` tells it.
package struct SocketOwner: Equatable {
  package let pid: Int64
  package let program: String

  package init(pid: Int64, program: String) {
    self.pid = pid
    self.program = program
  }

  package init(_ version: JSONValue?) {
    pid = version?["pid"]?.integer ?? 0
    program = if case .string(let name) = version?["program"] { name } else { "martlet" }
  }
}
