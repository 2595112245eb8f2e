import MartletTCP

extension StackConfiguration {
  /// The same with every limit lowered to what a sixteenth of the budget holds, so that no one kind of thing
  /// leaves nothing for the others, however small the budget is. Connections may fill a quarter: their
  /// records are what a server with many idle clients has its memory for. A budget below `leastMemoryBudget`
  /// is raised to it, and a time that would mean "do not ask" to the shortest there is.
  var fitted: StackConfiguration {
    var fitted = self
    fitted.attemptTimeout = max(attemptTimeout, .milliseconds(1))
    guard memoryBudget < .max else { return fitted }
    fitted.memoryBudget = max(memoryBudget, Self.leastMemoryBudget)
    let part = fitted.memoryBudget / 16
    func fit(_ figure: UInt32, of octets: Int) -> UInt32 {
      min(figure, max(1, UInt32(clamping: part / octets)))
    }
    fitted.chunksPerArena = arena(within: fitted.memoryBudget / 1_024)
    fitted.recorderCapacity = min(
      recorderCapacity, UInt32(clamping: part / MemoryLayout<FlightRecorder.Record>.stride))
    fitted.connectionLimit = min(
      connectionLimit, max(1, UInt32(clamping: 4 &* part / Footprint.connection4)))
    // Whoever floods may choose the larger records.
    fitted.halfOpenLimit = fit(halfOpenLimit, of: Footprint.embryo6 &+ Footprint.tableEntry)
    fitted.timeWaitLimit = fit(timeWaitLimit, of: Footprint.timeWait6 &+ Footprint.tableEntry)
    fitted.replyLimit = fit(replyLimit, of: Footprint.reply)
    fitted.datagramQueueLimit = fit(datagramQueueLimit, of: 1)
    fitted.datagramReceiveBuffer = fit(datagramReceiveBuffer, of: 1)
    fitted.reassemblyLimit = min(reassemblyLimit, UInt32(clamping: part))
    fitted.datagramSocketLimit = fit(datagramSocketLimit, of: Footprint.datagramSocket)
    fitted.groupLimit = UInt16(
      clamping: fit(
        UInt32(groupLimit),
        of: 2 &* (MemoryLayout<GroupMembership>.stride &+ MemoryLayout<GroupJoin>.stride)))
    fitted.listenerLimit = UInt16(clamping: fit(UInt32(listenerLimit), of: Footprint.listener))
    fitted.destinationLimit = min(
      destinationLimit, UInt32(clamping: part / MemoryLayout<Destination?>.stride).powerOfTwoBelow)
    fitted.fastOpenCacheLimit = min(
      fastOpenCacheLimit, UInt32(clamping: part / FastOpenCache.entrySize).powerOfTwoBelow)
    fitted.neighbourLimit = UInt16(
      clamping: fit(
        max(UInt32(neighbourLimit), 4),
        of: MemoryLayout<Neighbour>.stride &+ 8 &+ Footprint.tableEntry))
    fitted.incompleteNeighbourLimit = max(1, min(incompleteNeighbourLimit, fitted.neighbourLimit / 4))
    fitted.neighbourQueueLimit = fit(neighbourQueueLimit, of: 1)
    fitted.tcp.receiveBuffer = fit(tcp.receiveBuffer, of: 1)
    fitted.tcp.sendBuffer = fit(tcp.sendBuffer, of: 1)
    fitted.tcp.maximumReceiveBuffer = fit(tcp.maximumReceiveBuffer, of: 1)
    fitted.tcp.maximumSendBuffer = fit(tcp.maximumSendBuffer, of: 1)
    return fitted
  }

  /// Chunks in an arena: one that a single chunk keeps from being given back must not weigh much.
  private func arena(within octets: Int) -> Int {
    var chunks = chunksPerArena
    while chunks > 1, chunks &* ChunkPool.chunkSize > octets { chunks /= 2 }
    return chunks
  }

  /// The accept queue of a listener, lowered likewise.
  func fitted(_ options: ListenerOptions) -> ListenerOptions {
    var fitted = options
    fitted.acceptLimit = min(options.acceptLimit, max(1, connectionLimit / 4))
    return fitted
  }
}

extension UInt32 {
  fileprivate var powerOfTwoBelow: UInt32 { self == 0 ? 0 : 1 << UInt32(31 &- leadingZeroBitCount) }
}
