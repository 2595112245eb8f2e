import MartletStack
import MartletTCP

/// What the two stacks and the wire between them are, as the first octets of a script say.
struct PairSetup {
  /// Packets may be altered and their checksums mended, so that nobody can tell; streams are not judged then.
  let mayForge: Bool
  let overIPv6: Bool
  let mtu: UInt16
  /// How long a packet takes.
  let delay: TimeAmount
  let ends: [PairEndSetup]

  init(_ script: inout ByteScript) {
    let octet = script.next()
    mayForge = octet & 1 != 0
    overIPv6 = octet & 2 != 0
    mtu = octet & 4 == 0 ? 1_500 : overIPv6 ? 1_280 : 576
    delay = [.zero, .milliseconds(1), .milliseconds(20), .milliseconds(300)][Int(octet >> 3 & 3)]
    var algorithms = CongestionControl.allCases.map { $0 }
    algorithms.append(algorithms[0])
    let algorithm = algorithms[Int(octet >> 5) % algorithms.count]
    ends = [PairEndSetup(&script, algorithm), PairEndSetup(&script, algorithm)]
  }
}

/// One of the stacks and its listener.
struct PairEndSetup {
  private(set) var configuration = StackConfiguration()
  private(set) var listener = ListenerOptions()

  init(_ script: inout ByteScript, _ algorithm: CongestionControl) {
    let features = script.next()
    let ways = script.next()
    configuration.chunksPerArena = 1
    configuration.tcp.receiveBuffer = features & 16 == 0 ? 16_384 : 3_000
    configuration.tcp.sendBuffer = features & 16 == 0 ? 16_384 : 3_000
    configuration.tcp.congestionControl = algorithm
    configuration.tcp.timestamps = features & 1 == 0
    configuration.tcp.sack = features & 2 == 0
    configuration.tcp.windowScaling = features & 4 == 0
    configuration.tcp.ecn = features & 8 == 0 ? .passive : .on
    if features & 32 != 0 { configuration.memoryBudget = 128 << 10 }
    if features & 64 != 0 {
      configuration.tcp.connection.fastOpen = true
      listener.fastOpenLimit = 2
    }
    if features & 128 != 0 { tighten() }
    listener.synCookies = [.auto, .off, .always, .auto][Int(ways & 3)]
    listener.defersAccept = ways & 4 != 0
    configuration.tcp.connection.noDelay = ways & 8 != 0
    configuration.tcp.connection.pacing = ways & 16 != 0
    configuration.tcp.connection.keepAlive = ways & 32 != 0
    configuration.tcp.connection.keepAliveIdle = 3
    configuration.tcp.connection.keepAliveInterval = 2
    configuration.tcp.connection.keepAliveCount = 3
    if ways & 64 != 0 { configuration.tcp.connection.userTimeout = .seconds(4) }
    if ways & 128 != 0 { configuration.tcp.connection.quickAck = true }
    listener.connection = configuration.tcp.connection
  }

  private mutating func tighten() {
    configuration.connectionLimit = 4
    configuration.timeWaitLimit = 1
    configuration.replyLimit = 2
    configuration.resetsPerSecond = 8
    listener.halfOpenLimit = 1
    listener.acceptLimit = 1
  }

  /// Whether a connection may come of a segment that the stack has kept nothing for.
  var hasCookies: Bool { listener.synCookies != .off && !listener.defersAccept }
}
