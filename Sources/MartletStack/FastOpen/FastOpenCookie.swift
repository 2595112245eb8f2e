import MartletTCP
import MartletWire

/// A cookie as it stands in the option: 4 to 16 octets (RFC 7413 §4.1.1).
struct FastOpenCookie: BitwiseCopyable {
  var octets: InlineArray<16, UInt8> = .init(repeating: 0)
  /// 0: none.
  var count: UInt8 = 0

  init() {}

  /// Eight octets: a blind guess holds once in 2^64.
  init(_ bits: UInt64) {
    for i in 0..<8 { octets[i] = UInt8(truncatingIfNeeded: bits >> UInt64(8 &* (7 &- i))) }
    count = 8
  }

  /// That of a segment; a request has none.
  init(_ options: TCPOptions) {
    guard options.present.contains(.fastOpen), options.fastOpenCookieCount >= 4 else { return }
    octets = options.fastOpenCookie
    count = min(options.fastOpenCookieCount, 16)
  }

  /// The number that an eight-octet cookie is.
  var bits: UInt64? {
    guard count == 8 else { return nil }
    var bits: UInt64 = 0
    for i in 0..<8 { bits = bits << 8 | UInt64(octets[i]) }
    return bits
  }

  func write(into options: inout TCPOptions) {
    options.present.insert(.fastOpen)
    options.fastOpenCookie = octets
    options.fastOpenCookieCount = count
  }
}

/// What we know of cookies that others sent us.
enum CookieVerdict: Equatable {
  case holds
  /// None was brought: one is asked for.
  case isAskedFor
  /// It is forged, of somebody else, or too old.
  case isWrong
}

extension Secrets {
  /// RFC 7413 §4.1.2: a MAC of the client's address. The key changes with the generation, so that cookies that
  /// were stolen or collected do not hold for ever; nothing has to be remembered.
  func fastOpenCookie(of client: IPAddress, generation: UInt64) -> UInt64 {
    switch client {
    case .v4(let a): SipHash.hash24(fastOpen, UInt64(a.bits), 4, generation)
    case .v6(let a): SipHash.hash24(fastOpen, a.high, a.low, generation)
    }
  }
}

extension NetworkStack {
  /// The cookie that is given out now.
  func fastOpenCookie(of client: IPAddress) -> FastOpenCookie {
    FastOpenCookie(secrets.fastOpenCookie(of: client, generation: cookieGeneration))
  }

  /// The present generation and the one before it hold.
  func judge(_ options: TCPOptions, of client: IPAddress) -> CookieVerdict {
    if options.fastOpenCookieCount == 0 { return .isAskedFor }
    guard let bits = FastOpenCookie(options).bits else { return .isWrong }
    let now = cookieGeneration
    let holds =
      bits == secrets.fastOpenCookie(of: client, generation: now)
      || bits == secrets.fastOpenCookie(of: client, generation: now &- 1)
    return holds ? .holds : .isWrong
  }

  private var cookieGeneration: UInt64 {
    let lifetime = UInt64(max(configuration.fastOpenCookieLifetime.nanoseconds, 1_000_000_000))
    // One and not zero, so that there is a generation before the first.
    return clock.nanoseconds / lifetime &+ 1
  }
}
