public import MartletTCP

/// What the memory of a stack is used for, in octets as they are charged: everything that is held has its
/// line, and the lines add up to `MemoryBudget.held`.
public struct MemoryUse: Equatable, BitwiseCopyable, Sendable {
  /// The stack itself, before it has anything.
  public var stack = 0
  public var recorder = 0
  /// Records of listeners and UDP sockets, echo sockets among these, and the tables of ports.
  public var listeners = 0
  public var datagramSockets = 0
  public var ports = 0
  /// Records of connections, IPv6 keys among them, and of those that have something queued.
  public var connections = 0
  public var coldBlocks = 0
  public var halfOpen = 0
  public var timeWait = 0
  public var flowTables = 0
  /// Of peers, where they are counted.
  public var sources = 0
  public var timers = 0
  public var destinations = 0
  /// The shares of answers that destinations have left.
  public var answerLimits = 0
  /// Cookies of others.
  public var fastOpens = 0
  /// Answers that wait to be pulled.
  public var replies = 0
  /// With what routers and DHCP servers have said.
  public var neighbours = 0
  /// What is known of groups, and who has joined them.
  public var groups = 0
  /// Records of datagrams of which fragments are missing, and the room that they are put together in.
  public var reassembly = 0
  /// Marks of datagrams that have left, for errors to be held against.
  public var sentDatagrams = 0

  // In chunks.
  public var sendQueues = 0
  /// With what lies behind holes.
  public var receiveQueues = 0
  /// Ranges received beyond a hole, and what the sender knows of its flight.
  public var scoreboards = 0
  public var sendRecords = 0
  /// Datagrams to be received, and to be pulled.
  public var datagramsReceived = 0
  public var datagramsToSend = 0
  /// What waits for neighbours that are looked for.
  public var neighbourQueues = 0
  /// Fragments.
  public var fragments = 0
  /// Free chunks in arenas that are held, and the list of arenas.
  public var spareChunks = 0
  public var arenaList = 0

  public init() {}

  /// The sum.
  public var total: Int {
    let records =
      stack &+ recorder &+ listeners &+ datagramSockets &+ ports &+ connections &+ coldBlocks &+ halfOpen
      &+ timeWait &+ flowTables &+ sources &+ timers &+ destinations &+ answerLimits
      &+ fastOpens &+ replies &+ neighbours &+ groups &+ reassembly &+ sentDatagrams
    return records &+ sendQueues &+ receiveQueues &+ scoreboards &+ sendRecords &+ datagramsReceived
      &+ datagramsToSend &+ neighbourQueues &+ fragments &+ spareChunks &+ arenaList
  }
}

/// What one connection is charged for, in octets: a share of pages and tables, and its own chunks.
public struct ConnectionMemory: Equatable, BitwiseCopyable, Sendable {
  /// Record, table entry, timer.
  public var record = 0
  /// The part that exists only while something is queued.
  public var coldBlock = 0
  public var sendQueue = 0
  /// With what lies behind holes.
  public var receiveQueue = 0
  public var scoreboards = 0
  public var sendRecords = 0

  public init() {}

  public var total: Int {
    record &+ coldBlock &+ sendQueue &+ receiveQueue &+ scoreboards &+ sendRecords
  }
}

extension NetworkStack {
  /// The memory budget: limit, octets held, high-water mark, refusals.
  public var memory: MemoryBudget { around.budget }

  /// Who holds what. It asks every queue: it costs what there is.
  public func memoryUse() -> MemoryUse {
    var use = MemoryUse()
    use.recorder = min(around.recorder.heldBytes, baseCharge)
    use.stack = baseCharge &- use.recorder
    use.listeners = listeners.heldBytes
    use.datagramSockets = sockets.heldBytes
    use.ports = listenerPorts.heldBytes &+ socketPorts.heldBytes &+ echoIdentifiers.heldBytes
    use.connections = connections.heldBytes &+ keys6.heldBytes
    use.coldBlocks = cold.heldBytes
    use.halfOpen = flows4.embryos.heldBytes &+ flows6.embryos.heldBytes
    use.timeWait = flows4.lingering.heldBytes &+ flows6.lingering.heldBytes
    use.flowTables = flows4.table.heldBytes &+ flows6.table.heldBytes
    use.sources = sources.heldBytes
    use.timers = wheel.heldBytes
    use.destinations = destinations.heldBytes
    use.answerLimits = answerLimits.heldBytes
    use.fastOpens = fastOpens.heldBytes
    use.replies = replies.heldBytes
    use.neighbours = neighbours.heldBytes &+ autoconfiguration.heldBytes &+ dhcp.heldBytes
    use.groups = groups.heldBytes
    use.neighbourQueues = neighbours.waitingBytes
    use.reassembly = fragments.heldBytes
    use.sentDatagrams = sentDatagrams.heldBytes
    use.fragments = fragments.waitingBytes
    addQueues(to: &use)
    use.spareChunks = around.pool.freeChunks &* ChunkPool.chunkSize
    use.arenaList = around.pool.directoryBytes
    return use
  }

  private func addQueues(to use: inout MemoryUse) {
    var i = cold.nextLive(from: 0)
    while let j = i {
      use.sendQueues &+= cold[j].send.heldBytes
      use.receiveQueues &+= cold[j].receive.heldBytes
      use.scoreboards &+= cold[j].scoreboardBytes
      use.sendRecords &+= cold[j].sendRecordBytes
      i = cold.nextLive(from: j &+ 1)
    }
    i = sockets.nextLive(from: 0)
    while let s = i {
      use.datagramsReceived &+= sockets[s].queue.chunksHeld &* ChunkPool.chunkSize
      i = sockets.nextLive(from: s &+ 1)
    }
    for interface in interfaces {
      use.datagramsToSend &+= interface.datagrams.chunksHeld &* ChunkPool.chunkSize
    }
  }

  /// How scarce memory is.
  public var memoryPressure: MemoryPressure { around.budget.pressure }

  /// What the connection in a slot holds.
  func memory(of i: UInt32) -> ConnectionMemory {
    var memory = ConnectionMemory()
    memory.record = connections[i].isIPv4 ? Footprint.connection4 : Footprint.connection6
    let j = connections[i].cold
    guard j != IndexList.none else { return memory }
    memory.coldBlock = Footprint.coldBlock
    memory.sendQueue = cold[j].send.heldBytes
    memory.receiveQueue = cold[j].receive.heldBytes
    memory.scoreboards = cold[j].scoreboardBytes
    memory.sendRecords = cold[j].sendRecordBytes
    return memory
  }
}
