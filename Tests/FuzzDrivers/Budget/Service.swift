import MartletStack
import MartletTCP

/// The ways in which connections come to a listener: each has one.
enum Service: UInt8, CaseIterable {
  case plain
  /// Text may come with the SYN (RFC 7413).
  case fastOpen
  /// The application is asked first.
  case deferring
  /// There is no half-open queue.
  case cookies

  /// Of the low two bits.
  init(_ bits: UInt8) { self = Self.allCases[Int(bits & 3)] }

  var port: UInt16 { 80 + UInt16(rawValue) }

  var options: ListenerOptions {
    var options = ListenerOptions()
    options.idleTimeout = .seconds(30)
    switch self {
    case .plain: break
    case .fastOpen: options.fastOpenLimit = 16
    case .deferring: options.defersAccept = true
    case .cookies: options.synCookies = .always
    }
    return options
  }
}
