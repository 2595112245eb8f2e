import MartletCommand
import MartletTCP
import Testing

/// Lines of an answer, as the control socket gives them.
private let sockets = [
  #"{"type":"listener","local":"*:80","half_open":3,"half_open_limit":128,"acceptable":1,"accept_limit":128,"accept_overflows":0,"half_open_overflows":7,"accepted":42,"syn_cookies":"auto","flood":{"listener":"*:80","since_ms":12300,"syns_per_second":52000,"syns":640000,"half_open":128,"distinct_sources":48000,"cookies_sent":639000,"cookies_returned":17}}"#,
  #"{"type":"connection","state":"ESTABLISHED","local":"10.7.0.1:80","remote":"10.7.0.2:40112","receive_queue":12,"send_queue":34567,"tries":2,"timer_ms":204,"memory":9000,"has_handle":true,"flow":26,"receive_memory":256,"send_memory":8192,"snd_mss":1448,"rcv_mss":1448,"advmss":1460,"ca":"newReno","snd_cwnd":14480,"snd_ssthresh":28960,"snd_wnd":64512,"rcv_wnd":262144,"unacked":14480,"sacked":2896,"lost":1448,"retrans":1448,"total_retrans":3,"notsent_bytes":20087,"delivered":100000,"pacing_rate":1250000,"rtt":1234,"rttvar":500,"min_rtt":900,"rto_ms":204,"backoff":1,"timer":"retransmission","last_received_ms":17,"reordering_seen":true,"out_of_order":0,"send_buffer":262144,"receive_buffer":131072,"timestamps":true,"sack":true,"ecn":false,"fast_open":false,"snd_wscale":7,"rcv_wscale":10}"#,
  #"{"type":"connection","state":"SYN-RECEIVED","local":"10.7.0.1:80","remote":"10.7.0.3:5","receive_queue":0,"send_queue":0,"tries":1,"timer_ms":1456,"memory":57,"has_handle":false}"#,
  #"{"type":"connection","state":"TIME-WAIT","local":"[fd00:7::1]:80","remote":"[fd00:7::2]:46648","receive_queue":0,"send_queue":0,"tries":0,"timer_ms":57330,"memory":80,"has_handle":false}"#,
  #"{"type":"datagram","local":"*:7","receive_queue":5,"receive_buffer":131072,"drops":2}"#,
]

private func lines() throws -> [SocketLine] {
  try sockets.map { text in
    let value = try #require(JSONParser.parse(Array(text.utf8)))
    return try #require(SocketLine(value))
  }
}

@Suite("Tables of sockets")
struct SocketTableTests {
  private let owner = SocketOwner(pid: 4711, program: "martlet")

  @Test("ss: columns end and begin at the colon of an address, as iproute2 has them")
  func ss() throws {
    let text = SSTable(SSTable.Columns(), owner: owner).text(try lines())
    #expect(
      text == """
        State     Recv-Q Send-Q Local Address:Port Peer Address:Port  Process
        LISTEN    1      128                *:80              *:*
        \t syn_flood:(since:12.300s,rate:52000/s,syns:640000,sources:~48000,half_open:128,cookies_sent:639000,cookies_returned:17)
        ESTAB     12     34567       10.7.0.1:80       10.7.0.2:40112
        SYN-RECV  0      0           10.7.0.1:80       10.7.0.3:5
        TIME-WAIT 0      0        [fd00:7::1]:80    [fd00:7::2]:46648
        UNCONN    5      0                  *:7               *:*

        """)
  }

  @Test("ss -tuoepimH: what stands behind and beneath")
  func everything() throws {
    var columns = SSTable.Columns()
    columns.hasKind = true
    columns.hasHeader = false
    columns.hasInternals = true
    columns.hasMemory = true
    columns.hasTimers = true
    columns.hasDetails = true
    columns.hasOwner = true
    let text = SSTable(columns, owner: owner).text(try lines())
    #expect(
      text == """
        tcp LISTEN    1  128             *:80           *:*     users:(("martlet",pid=4711))
        \t half_open:3 half_open_limit:128 accepted:42 overflows:0 syn_overflows:7 syncookies:auto
        \t syn_flood:(since:12.300s,rate:52000/s,syns:640000,sources:~48000,half_open:128,cookies_sent:639000,cookies_returned:17)
        tcp ESTAB     12 34567    10.7.0.1:80    10.7.0.2:40112 users:(("martlet",pid=4711)) timer:(on,204ms,2) sk:1a
        \t skmem:(r256,rb131072,t14480,tb262144,f0,w8192,o552,bl0,d0) ts sack reno wscale:7,10 rto:204 backoff:1 rtt:1.234/0.5 mss:1448 rcvmss:1448 advmss:1460 cwnd:10 ssthresh:20 send 93873581bps lastrcv:17 pacing_rate 10000000bps delivered:70 unacked:10 retrans:1/3 lost:1 sacked:2 reord_seen:1 rcv_space:131072 notsent:20087 minrtt:0.9 snd_wnd:64512 rcv_wnd:262144
        tcp SYN-RECV  0  0        10.7.0.1:80    10.7.0.3:5     timer:(on,1.456ms,1)
        tcp TIME-WAIT 0  0     [fd00:7::1]:80 [fd00:7::2]:46648 timer:(timewait,57sec,0)
        udp UNCONN    5  0               *:7            *:*     users:(("martlet",pid=4711))
        \t skmem:(r5,rb131072,t0,tb0,f0,w0,o0,bl0,d2)

        """)
  }

  @Test(
    "ss: times as iproute2 writes them",
    arguments: [
      (0, ""), (204, "204ms"), (7, "007ms"), (1_456, "1.456ms"), (9_999, "9.999ms"), (10_500, "10sec"),
      (57_330, "57sec"), (61_000, "1min1sec"), (60_000, "1min"), (7_199_000, "119min"), (600_000, "10min"),
    ])
  func times(_ milliseconds: Int64, _ text: String) {
    #expect(SSTable.timeText(milliseconds) == text)
  }

  @Test("netstat -natupo: columns and spellings of net-tools, and SYN_RECV can be searched for")
  func netstat() throws {
    var columns = NetstatTable.Columns()
    columns.hasOwner = true
    columns.hasTimers = true
    columns.shown = "(servers and established)"
    let table = NetstatTable(columns, owner: owner)
    let text = table.header + (try lines().map { table.text($0) }).joined()
    #expect(
      text == """
        Active Internet connections (servers and established)
        Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer
        tcp6       1      0 :::80                   :::*                    LISTEN      4711/martlet         off (0.00/0/0)
        tcp       12  34567 10.7.0.1:80             10.7.0.2:40112          ESTABLISHED 4711/martlet         on (0.20/2/0)
        tcp        0      0 10.7.0.1:80             10.7.0.3:5              SYN_RECV    -                    on (1.45/1/0)
        tcp6       0      0 fd00:7::1:80            fd00:7::2:46648         TIME_WAIT   -                    timewait (57.33/0/0)
        udp6       5      0 :::7                    :::*                                4711/martlet         off (0.00/0/0)

        """)
    #expect(text.split(separator: "\n").filter { $0.contains("SYN_RECV") }.count == 1)
  }

  @Test(
    "What is no socket is no line",
    arguments: [
      "{}", "[]", "1", #"{"type":"connection"}"#, #"{"type":"connection","local":"a:1"}"#,
      #"{"type":"connection","local":"a:1","state":"FROB"}"#, #"{"type":"end"}"#,
    ])
  func strangers(_ text: String) throws {
    let value = try #require(JSONParser.parse(Array(text.utf8)))
    #expect(SocketLine(value) == nil)
  }

  @Test(
    "What ss asks for",
    arguments: [
      (
        "", false, false,
        [
          "connections state syn-sent state estab state fin-wait-1 state fin-wait-2 state close-wait state closing state last-ack"
        ], ["datagrams state estab"]
      ),
      (
        "", true, false,
        [
          "listeners",
          "connections state unconn state syn-sent state syn-recv state estab state fin-wait-1 state fin-wait-2 state close-wait state closing state last-ack state time-wait",
        ],
        ["datagrams state unconn state estab"]
      ),
      (
        "sport = :80", false, true, ["listeners sport = :80", "connections state unconn sport = :80"],
        ["datagrams state unconn sport = :80"]
      ),
      ("state syn-recv and sport = :80", true, false, ["connections state syn-recv sport = :80"], []),
      ("state listening", false, false, ["listeners"], []),
    ])
  func requests(_ filter: String, _ all: Bool, _ listening: Bool, _ tcp: [String], _ udp: [String]) throws {
    let plan = try SSPlan(filter: filter, all: all, listening: listening)
    #expect(plan.tcpRequests == tcp && plan.datagramRequests == udp, "\(plan)")
  }
}

@Suite("Tables of counters")
struct CounterTableTests {
  private let first = JSONParser.parse(
    Array(#"{"type":"counters","TcpInSegs":12412,"TcpOutRsts":0,"TcpExtListenOverflows":3}"#.utf8))
  private let second = JSONParser.parse(
    Array(#"{"type":"counters","TcpInSegs":13412,"TcpOutRsts":0,"TcpExtListenOverflows":3}"#.utf8))

  @Test("nstat: names and columns of iproute2, zeros only when wanted, patterns")
  func text() throws {
    let answer = try #require(first)
    #expect(
      CounterTable().text(answer) == """
        #martlet
        TcpInSegs                       12412              0.0
        TcpExtListenOverflows           3                  0.0

        """)
    #expect(CounterTable(showsZeros: true).counters(answer).map(\.name).contains("TcpOutRsts"))
    #expect(
      CounterTable(patterns: ["TcpExt*"]).text(answer) == """
        #martlet
        TcpExtListenOverflows           3                  0.0

        """)
    #expect(CounterTable(patterns: ["Frob"]).text(answer) == "#martlet\n")
  }

  @Test("nstat --watch: what has changed, and how fast")
  func changes() throws {
    let before = try #require(first)
    let after = try #require(second)
    #expect(
      CounterTable().text(after, since: before, seconds: 2) == """
        #martlet
        TcpInSegs                       1000             500.0

        """)
    #expect(CounterTable().json(after, since: before) == #"{"martlet":{"TcpInSegs":1000}}"# + "\n")
  }

  @Test(
    "Patterns",
    arguments: [
      ("TcpInSegs", "TcpInSegs", true), ("TcpInSegs", "Tcp*", true), ("TcpInSegs", "*Segs", true),
      ("TcpInSegs", "T*I*s", true), ("TcpInSegs", "T?pInSegs", true), ("TcpInSegs", "T?InSegs", false),
      ("TcpInSegs", "", false), ("", "*", true), ("TcpInSegs", "*x*", false), ("aab", "*ab", true),
      ("TcpInSegs", "TcpInSeg", false), ("TcpInSegs", "TcpInSegs*", true),
    ])
  func patterns(_ name: String, _ pattern: String, _ matches: Bool) {
    #expect(CounterTable.matches(Array(name.utf8)[...], Array(pattern.utf8)[...]) == matches)
  }
}
