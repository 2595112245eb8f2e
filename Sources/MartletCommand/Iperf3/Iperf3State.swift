/// One octet on the control connection of iperf3: what comes next.
package enum Iperf3State: Int8, Sendable {
  case testStart = 1
  case testRunning = 2
  case testEnd = 4
  case paramExchange = 9
  case createStreams = 10
  case serverTerminate = 11
  case clientTerminate = 12
  case exchangeResults = 13
  case displayResults = 14
  case iperfDone = 16
  /// The server is busy.
  case accessDenied = -1
  /// Two numbers of 32 bits follow: iperf3's own, and an errno.
  case serverError = -2

  package var octet: UInt8 { UInt8(bitPattern: rawValue) }

  package init?(octet: UInt8) { self.init(rawValue: Int8(bitPattern: octet)) }
}

/// Why a test fails, with iperf3's number of it.
package enum Iperf3Fault: UInt32, Error, Sendable {
  case parallelOutOfRange = 6
  /// An option that is not implemented: UDP, SCTP, authentication.
  case unsupported = 13
  case unexpectedState = 110
  case badParameters = 114
  case badResults = 117
  case tooSlow = 120

  /// What the server sends.
  package var message: [UInt8] {
    [Iperf3State.serverError.octet] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rawValue >> $0) }
      + [0, 0, 0, 0]
  }

  package var sentence: String {
    switch self {
    case .parallelOutOfRange: "more streams than 128 were asked for"
    case .unsupported: "something was asked for that is not offered here; only TCP is, without authentication"
    case .unexpectedState: "a message came that has no place here"
    case .badParameters: "the parameters are no JSON, or too long"
    case .badResults: "the results are no JSON, or too long"
    case .tooSlow: "the other side has nothing more to say"
    }
  }
}

/// The 37 octets that all connections of one test begin with: 36 characters and a zero.
package struct Iperf3Cookie: Equatable, Sendable {
  package static let count = 37
  package let octets: [UInt8]

  /// Nil: not 37 octets, of which the last is zero and no other is.
  package init?(_ octets: [UInt8]) {
    guard octets.count == Self.count, octets.firstIndex(of: 0) == Self.count - 1 else { return nil }
    self.octets = octets
  }

  /// A new one, as iperf3 makes them.
  package init(using random: inout some RandomNumberGenerator) {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    octets = (0..<Self.count - 1).map { _ in alphabet[Int.random(in: 0..<32, using: &random)] } + [0]
  }
}
