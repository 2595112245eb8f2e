import MartletTCP
import MartletWire

/// The first octets of a script: how the connection comes to be, and under which settings.
struct ConnectionSetup {
  enum Opening {
    /// SYN-SENT; the script says what comes.
    case active
    /// A half-open record; the script says what comes.
    case passive
    /// As above, but the peer's answer has come, and the script begins in ESTABLISHED.
    case activeDone
    case passiveDone
  }

  var opening: Opening
  var configuration = TCPConfiguration()
  var options = ConnectionOptions()
  var iss: SequenceNumber
  var irs: SequenceNumber
  var mss: UInt16
  var peerOptions = TCPOptions()
  var budget = Int.max
  var chunksPerArena: Int
  var now: Instant
  let timestampOffset: UInt32 = 0xffff_ff00

  init(_ script: inout ByteScript) {
    let kind = script.next()
    let features = script.next()
    let numbers = script.next()
    let sizes = script.next()
    let memory = script.next()
    let times = script.next()
    opening = [Opening.passiveDone, .active, .passive, .activeDone][Int(kind & 3)]
    // Near every place where signs change and numbers wrap.
    let places: [UInt32] = [
      1_000, 0, 0xffff_ffff, 0xffff_fc00, 0x7fff_ffff, 0x8000_0000, 0x7fff_fc00, 0xffff_0000,
    ]
    iss = SequenceNumber(places[Int(numbers & 7)])
    irs = SequenceNumber(places[Int(numbers >> 3 & 7)])

    configuration.timestamps = features & 1 != 0
    configuration.sack = features & 2 != 0
    configuration.windowScaling = features & 4 != 0
    if kind & 4 == 0 {
      peerOptions.present = [.maximumSegmentSize, .timestamps, .sackPermitted, .windowScale]
      peerOptions.maximumSegmentSize = [1_460, 536, 100, 9_000][Int(kind >> 3 & 3)]
      peerOptions.windowScale = WindowScale([0, 2, 7, 14][Int(kind >> 5 & 3)])
      peerOptions.tsval = 5
    }
    options.noDelay = features & 8 != 0
    options.quickAck = features & 16 != 0
    options.keepAlive = features & 32 != 0
    options.keepAliveIdle = 10
    options.userTimeout = features & 64 != 0 ? .seconds(5) : .zero
    options.maximumSegmentSize = features & 128 != 0 ? 200 : 0
    mss = [1_460, 536, 1_220, 65_495][Int(numbers >> 6)]
    let buffers: [UInt32] = [16_384, 256, 2_048, 262_144, 65_536, 1, 4_096, 1 << 20]
    options.receiveBuffer = buffers[Int(sizes & 7)]
    options.sendBuffer = buffers[Int(sizes >> 3 & 7)]
    configuration.outOfOrderRanges = [256, 4, 5, 1][Int(sizes >> 6)]
    configuration.maximumReceiveBuffer = kind & 128 != 0 ? 1 << 24 : 1 << 20

    chunksPerArena = [16, 1, 4, 16][Int(memory & 3)]
    if memory & 4 != 0 {
      budget = 1_024 + Int(memory >> 3) * chunksPerArena * ChunkPool.chunkSize / 2
    }
    let starts: [UInt64] = [1_000, (1 << 31) - 2_000, (1 << 32) - 2_000, (1 << 16) - 100]
    now = Instant(nanoseconds: starts[Int(times & 3)] * 1_000_000)
  }

  func surroundings() -> Surroundings {
    Surroundings(
      configuration: configuration, pool: ChunkPool(chunksPerArena: chunksPerArena),
      budget: MemoryBudget(limit: budget), recorder: FlightRecorder(capacity: 16))
  }
}
