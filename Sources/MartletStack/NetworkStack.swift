import MartletTCP
import MartletWire

/// A TCP/IP stack as a value: packets, calls and the time go in; packets, readiness
/// and the next deadline come out. It has no clock, no thread, no I/O and no
/// randomness of its own, and nothing in it ever blocks.
///
/// Whoever drives it repeats: give it what arrived (`receive`), tell it the time
/// (`advance`), drain `nextEvent`, call what the events allow, pull `nextPacket` from
/// every interface until it is nil, and sleep until a packet or `nextDeadline` comes.
/// Calling any of these once too often is harmless.
///
/// Inside, what the segment path calls is `mutating` even where it changes nothing: Swift 6.3 gives a method
/// that only borrows a loadable value a copy of it, here of four kilobytes.
public struct NetworkStack: ~Copyable {
  private var settings: Whole<StackConfiguration>

  // What all connections share, and what everything is derived from.
  var around: Surroundings
  private var keys: Whole<Secrets>
  let handshake: HandshakeTerms
  /// The latest time that any call has told.
  var clock = Instant.origin

  // Interfaces/
  var interfaces: [Interface] = []
  var routing = Routing()
  var destinations: DestinationTable

  // Neighbours/
  var neighbours: NeighbourTable
  /// Who sent the frame that is being taken in; zero: none is.
  var caller = MACAddress.zero
  /// On Ethernets, whether they are used already or not.
  var ownAddresses: [OwnAddress] = []
  var autoconfiguration = Autoconfiguration()
  // DHCP/
  var dhcp = DHCPClients()
  /// How many of them have something to tell.
  var addressNews = 0
  /// When something in the folder is due, at the latest; nil: never.
  var neighbourDeadline: Instant?

  // The life cycle: LISTEN, then half-open, connection, TIME-WAIT.
  var listeners = Slab<Listener>()
  var listenerPorts = BindingTable()
  var flows4 = FlowSpace<IPv4FlowKey>()
  var flows6 = FlowSpace<IPv6FlowKey>()
  var connections = Slab<Connection>()
  var keys6 = Slab<IPv6FlowKey>()
  var sources = SourceTable()
  var cold = Slab<ColdBlock>()
  /// A cold block that is always idle: what a connection without one is given for the length of a call.
  var scratch = IndexList.none
  /// One that nobody touches: copying it is cheaper than making one.
  var pristine = IndexList.none
  /// One timer a connection.
  var wheel = TimerWheel()

  // UDP, and echoes.
  var sockets = Slab<DatagramSocket>()
  var socketPorts = BindingTable()
  var echoIdentifiers = BindingTable()

  // Multicast/
  var groups = GroupTable()

  // Fragments/
  var fragments: Reassembly

  // Output/
  var replies: ReplyStore
  var sentDatagrams: SentDatagrams
  var answerLimits: AnswerLimits

  // FastOpen/
  var fastOpens: FastOpenCache

  // Events/
  var connectionEvents = IndexList()
  var listenerEvents = IndexList()
  var socketEvents = IndexList()

  // Memory/
  /// What the stack itself and its recorder are charged.
  var baseCharge: Int
  var shortage = Shortage()

  // Counters/
  private var tallies = Whole(StackCounters())

  /// A stack without interfaces. Its limits come from `configuration`, its secrets from `seed`.
  public init(configuration: StackConfiguration = StackConfiguration(), seed: StackSeed) {
    let configuration = configuration.fitted
    settings = Whole(configuration)
    around = Surroundings(
      configuration: configuration.tcp, pool: ChunkPool(chunksPerArena: configuration.chunksPerArena),
      budget: MemoryBudget(limit: configuration.memoryBudget),
      recorder: FlightRecorder(capacity: configuration.recorderCapacity))
    let secrets = Secrets(seed)
    keys = Whole(secrets)
    handshake = HandshakeTerms(configuration.tcp)
    destinations = DestinationTable(limit: configuration.destinationLimit, key: secrets.flowTable)
    neighbours = NeighbourTable(key: secrets.neighbours)
    sentDatagrams = SentDatagrams(key: secrets.sentDatagrams)
    fragments = Reassembly(limit: configuration.reassemblyLimit, key: secrets.fragments)
    replies = ReplyStore(limit: configuration.replyLimit)
    answerLimits = AnswerLimits(configuration, secrets)
    fastOpens = FastOpenCache(limit: configuration.fastOpenCacheLimit, key: secrets.fastOpen)
    let base = Footprint.stack &+ around.recorder.heldBytes
    baseCharge = around.budget.take(base) ? base : 0
    scratch = cold.allocate(ColdBlock(), &around.budget)?.index ?? IndexList.none
    pristine = cold.allocate(ColdBlock(), &around.budget)?.index ?? IndexList.none
  }

  /// A deep copy, for snapshots: the two never share anything. It names every field.
  public borrowing func copy() -> NetworkStack {
    NetworkStack(
      configuration: configuration, around: around.copy(), secrets: secrets, handshake: handshake,
      clock: clock,
      interfaces: interfaces, routing: routing, destinations: destinations,
      neighbours: neighbours.copy(), ownAddresses: ownAddresses,
      autoconfiguration: autoconfiguration, dhcp: dhcp, addressNews: addressNews,
      neighbourDeadline: neighbourDeadline,
      listeners: listeners.copy(), listenerPorts: listenerPorts, flows4: flows4.copy(),
      flows6: flows6.copy(), connections: connections.copy(), keys6: keys6.copy(), sources: sources.copy(),
      cold: cold.copy(),
      scratch: scratch, pristine: pristine, wheel: wheel.copy(), sockets: sockets.copy(),
      socketPorts: socketPorts, echoIdentifiers: echoIdentifiers, groups: groups,
      fragments: fragments.copy(),
      replies: replies.copy(), sentDatagrams: sentDatagrams, answerLimits: answerLimits, fastOpens: fastOpens,
      connectionEvents: connectionEvents,
      listenerEvents: listenerEvents,
      socketEvents: socketEvents, baseCharge: baseCharge, shortage: shortage, counts: counts)
  }

  /// Every field, so that a new one cannot be forgotten in `copy`.
  private init(
    configuration: StackConfiguration, around: consuming Surroundings, secrets: Secrets,
    handshake: HandshakeTerms, clock: Instant, interfaces: [Interface], routing: Routing,
    destinations: DestinationTable, neighbours: consuming NeighbourTable,
    ownAddresses: [OwnAddress], autoconfiguration: Autoconfiguration, dhcp: DHCPClients,
    addressNews: Int,
    neighbourDeadline: Instant?,
    listeners: consuming Slab<Listener>, listenerPorts: BindingTable,
    flows4: consuming FlowSpace<IPv4FlowKey>, flows6: consuming FlowSpace<IPv6FlowKey>,
    connections: consuming Slab<Connection>, keys6: consuming Slab<IPv6FlowKey>,
    sources: consuming SourceTable,
    cold: consuming Slab<ColdBlock>, scratch: UInt32, pristine: UInt32, wheel: consuming TimerWheel,
    sockets: consuming Slab<DatagramSocket>, socketPorts: BindingTable, echoIdentifiers: BindingTable,
    groups: GroupTable,
    fragments: consuming Reassembly,
    replies: consuming ReplyStore, sentDatagrams: SentDatagrams,
    answerLimits: AnswerLimits, fastOpens: FastOpenCache, connectionEvents: IndexList,
    listenerEvents: IndexList,
    socketEvents: IndexList,
    baseCharge: Int, shortage: Shortage, counts: StackCounters
  ) {
    settings = Whole(configuration)
    self.around = around
    keys = Whole(secrets)
    self.handshake = handshake
    self.clock = clock
    self.interfaces = interfaces
    self.routing = routing
    self.destinations = destinations
    self.neighbours = neighbours
    self.ownAddresses = ownAddresses
    self.autoconfiguration = autoconfiguration
    self.dhcp = dhcp
    self.addressNews = addressNews
    self.neighbourDeadline = neighbourDeadline
    self.listeners = listeners
    self.listenerPorts = listenerPorts
    self.flows4 = flows4
    self.flows6 = flows6
    self.connections = connections
    self.keys6 = keys6
    self.sources = sources
    self.cold = cold
    self.scratch = scratch
    self.pristine = pristine
    self.wheel = wheel
    self.sockets = sockets
    self.socketPorts = socketPorts
    self.echoIdentifiers = echoIdentifiers
    self.groups = groups
    self.fragments = fragments
    self.sentDatagrams = sentDatagrams
    self.replies = replies
    self.answerLimits = answerLimits
    self.fastOpens = fastOpens
    self.connectionEvents = connectionEvents
    self.listenerEvents = listenerEvents
    self.socketEvents = socketEvents
    self.baseCharge = baseCharge
    self.shortage = shortage
    tallies = Whole(counts)
  }
}

extension NetworkStack {
  public internal(set) var configuration: StackConfiguration {
    @inline(__always) get { settings.value }
    @inline(__always) _modify { yield &settings.value }
  }

  var secrets: Secrets {
    @inline(__always) get { keys.value }
    @inline(__always) _modify { yield &keys.value }
  }

  var counts: StackCounters {
    @inline(__always) get { tallies.value }
    @inline(__always) _modify { yield &tallies.value }
  }
}
