import Martlet
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

extension ServedConnection {
  /// `#3 10.7.0.2:40112 on 7 (echo)`
  var label: String {
    "#\(number) \(remote.text) on \(service.specification.port) (\(service.specification.kind))"
  }
}

extension JSONObject {
  /// What tells one served connection from another.
  mutating func add(_ served: ServedConnection) {
    add("connection", served.number)
    add("remote", served.remote.text)
    add("port", UInt64(served.service.specification.port))
    add("service", served.service.specification.kind.description)
  }
}

extension EndReason {
  /// What happened, for people.
  var sentence: String {
    switch self {
    case .none, .closed: "closed"
    case .reset: "reset by the peer"
    case .refused: "refused by the peer"
    case .timedOut: "timed out: no acknowledgment"
    case .keepAliveTimedOut: "timed out: no answer to keep-alive probes"
    case .unreachable: "unreachable"
    case .aborted: "reset by us"
    case .idle: "idle for too long"
    case .evicted: "given up to keep the memory budget"
    }
  }
}

extension TimeAmount {
  /// Seconds with three decimals.
  var secondsText: String {
    let milliseconds = max(nanoseconds, 0) / 1_000_000
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }
}
