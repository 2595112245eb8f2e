import MartletTrace
import Testing

/// Whole ladders, as a person sees them. After a change on purpose, look at each
/// new one before it takes the old one's place.
@Suite("S7.1 golden ladders")
struct GoldenLadderTests {
  @Test("S7.1 open, request, four-segment close, phases in the margin")
  func requestAndClose() throws {
    let ladder = try Scenario.requestAndClose().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                     SERVER 10.7.0.1:80
            CLOSED* │                                                           │ LISTEN*
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ────────────────▶│ SYN-RECEIVED*  0.000 ms ┐ three-segment open
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                0.010 ms │
                    ├── ACK seq=1 ack=1 win=64256 ─────────────────────────────▶│ ESTABLISHED*   0.020 ms ┘
                    ├── PSH ACK seq=1 ack=1 len=100 win=64256 ─────────────────▶│                0.030 ms ┐ data
                    │◀─ ACK seq=1 ack=101 win=64256 ────────────────────────────┤                0.040 ms │
                    │◀─ PSH ACK seq=1 ack=101 len=300 win=64256 ────────────────┤                0.050 ms │
                    ├── ACK seq=101 ack=301 win=64256 ─────────────────────────▶│                0.060 ms ┘
        FIN-WAIT-1* ├── FIN ACK seq=101 ack=301 win=64256 ─────────────────────▶│ CLOSE-WAIT*    0.070 ms ┐ four-segment close
        FIN-WAIT-2* │◀─ ACK seq=301 ack=102 win=64256 ──────────────────────────┤                0.080 ms │
         TIME-WAIT* │◀─ FIN ACK seq=301 ack=102 win=64256 ──────────────────────┤ LAST-ACK*      0.380 ms │
                    ├── ACK seq=102 ack=302 win=64256 ─────────────────────────▶│ CLOSED*        0.390 ms ┘
                    │                    2 MSL, then CLOSED                     │
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 120)) == expected)
  }

  @Test("S7.1 S4.2 S4.3 both ends reported their states, TIME-WAIT to its end")
  func knownToBothEnds() throws {
    let ladder = try Scenario.knownToBothEnds().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                    SERVER 10.7.0.1:80
            CLOSED │                                                           │ LISTEN
                   │                ═══ three-segment open ═══                 │
          SYN-SENT ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ────────────────▶│ SYN-RECEIVED     0.000 ms
       ESTABLISHED │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                  5.000 ms
                   ├── ACK seq=1 ack=1 win=64256 ─────────────────────────────▶│ ESTABLISHED     10.000 ms
                   │                ═══ four-segment close ═══                 │
        FIN-WAIT-1 ├── FIN ACK seq=1 ack=1 win=64256 ─────────────────────────▶│ CLOSE-WAIT      20.000 ms
        FIN-WAIT-2 │◀─ ACK seq=1 ack=2 win=64256 ──────────────────────────────┤                 25.000 ms
         TIME-WAIT │◀─ FIN ACK seq=1 ack=2 win=64256 ──────────────────────────┤ LAST-ACK        25.000 ms
                   ├── ACK seq=2 ack=2 win=64256 ─────────────────────────────▶│ CLOSED          30.000 ms
                   │                     ═══ TIME-WAIT ═══                     │
            CLOSED │                     2 MSL have passed                     │               60.030000 s

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S4.5 simultaneous close, both clocks known")
  func simultaneousClose() throws {
    let ladder = try Scenario.simultaneousClose(delay: 10_000).ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                     SERVER 10.7.0.1:80
            CLOSED* │                                                           │ LISTEN*
                    │                ═══ three-segment open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ────────────────▶│ SYN-RECEIVED*   0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                 0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ─────────────────────────────▶│ ESTABLISHED*    0.020 ms
                    │                ═══ simultaneous close ═══                 │
        FIN-WAIT-1* ├── FIN ACK seq=1 ack=1 win=64256 ────────────────────┄┄┄┄┄┄│                20.020 ms
           CLOSING* │◀─ FIN ACK seq=1 ack=1 win=64256 ──────────────────────────┤ FIN-WAIT-1*    22.020 ms
                    │┄┄ FIN ACK seq=1 ack=1 ───────────────────────────────────▶│ CLOSING*       30.020 ms
                    │┄┄ ACK seq=2 ack=2 win=64256 ──────────────────────────────┤                30.020 ms
                    ├── ACK seq=2 ack=2 win=64256 ─────────────────────────────▶│ TIME-WAIT*     32.020 ms
         TIME-WAIT* │◀─ ACK seq=2 ack=2 ──────────────────────────────────┄┄┄┄┄┄│                40.020 ms
                    │                    2 MSL, then CLOSED                     │
      * inferred from the segments   ┄┄ still on its way

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S4.5 simultaneous close, from a capture")
  func simultaneousCloseCaptured() throws {
    let ladder = try Scenario.simultaneousClose(delay: nil).ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                     SERVER 10.7.0.1:80
            CLOSED* │                                                           │ LISTEN*
                    │                ═══ three-segment open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ────────────────▶│ SYN-RECEIVED*   0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                 0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ─────────────────────────────▶│ ESTABLISHED*    0.020 ms
                    │                ═══ simultaneous close ═══                 │
        FIN-WAIT-1* ├── FIN ACK seq=1 ack=1 win=64256 ────────────────────┄┄┄┄┄┄│                20.020 ms
           CLOSING* │◀─ FIN ACK seq=1 ack=1 win=64256 ──────────────────────────┤ FIN-WAIT-1*    22.020 ms
                    │┄┄ FIN ACK seq=1 ack=1 ───────────────────────────────────▶│ CLOSING*       22.020 ms
         TIME-WAIT* │◀─ ACK seq=2 ack=2 win=64256 ──────────────────────────────┤                30.020 ms
                    ├── ACK seq=2 ack=2 win=64256 ─────────────────────────────▶│ TIME-WAIT*     32.020 ms
                    │                    2 MSL, then CLOSED                     │
      * inferred from the segments   ┄┄ still on its way

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S2.7 simultaneous open, both clocks known")
  func simultaneousOpen() throws {
    let ladder = try Scenario.simultaneousOpen(delay: 10_000).ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                     SERVER 10.7.0.1:80
            CLOSED* │                                                           │ CLOSED*
                    │                 ═══ simultaneous open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ───────────┄┄┄┄┄┄│                 0.000 ms
      SYN-RECEIVED* │◀─ SYN seq=0 win=64240 mss=1460 ws=7 sack ─────────────────┤ SYN-SENT*       2.000 ms
                    │┄┄ SYN seq=0 ─────────────────────────────────────────────▶│ SYN-RECEIVED*  10.000 ms
                    │┄┄ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                10.000 ms
                    ├── SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ──────▶│ ESTABLISHED*   12.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 ──────────────────────────────┄┄┄┄┄┄│                20.000 ms
                    │                       ═══ data ═══                        │
                    ├── PSH ACK seq=1 ack=1 len=5 win=64256 ───────────────────▶│                32.000 ms
                    │◀─ ACK seq=1 ack=6 win=64256 ──────────────────────────────┤                42.000 ms
      * inferred from the segments   ┄┄ still on its way

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S2.7 simultaneous open, from a capture")
  func simultaneousOpenCaptured() throws {
    let ladder = try Scenario.simultaneousOpen(delay: nil).ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                     SERVER 10.7.0.1:80
            CLOSED* │                                                           │ CLOSED*
                    │                 ═══ simultaneous open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ───────────┄┄┄┄┄┄│                 0.000 ms
      SYN-RECEIVED* │◀─ SYN seq=0 win=64240 mss=1460 ws=7 sack ─────────────────┤ SYN-SENT*       2.000 ms
                    │┄┄ SYN seq=0 ─────────────────────────────────────────────▶│ SYN-RECEIVED*   2.000 ms
                    │┄┄ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ───────┤                10.000 ms
                    ├── SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ──────▶│ ESTABLISHED*   12.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 ──────────────────────────────┄┄┄┄┄┄│                12.000 ms
                    │                       ═══ data ═══                        │
                    ├── PSH ACK seq=1 ack=1 len=5 win=64256 ───────────────────▶│                32.000 ms
                    │◀─ ACK seq=1 ack=6 win=64256 ──────────────────────────────┤                42.000 ms
      * inferred from the segments   ┄┄ still on its way

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S4.6 half-close")
  func halfClose() throws {
    let ladder = try Scenario.halfClose().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                      SERVER 10.7.0.1:80
            CLOSED* │                                                            │ LISTEN*
                    │                 ═══ three-segment open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ─────────────────▶│ SYN-RECEIVED*  0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ────────┤                0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ──────────────────────────────▶│ ESTABLISHED*   0.020 ms
                    │                        ═══ data ═══                        │
                    ├── PSH ACK seq=1 ack=1 len=100 win=64256 ──────────────────▶│                0.030 ms
                    │                     ═══ half-close ═══                     │
        FIN-WAIT-1* ├── FIN ACK seq=101 ack=1 win=64256 ────────────────────────▶│ CLOSE-WAIT*    0.040 ms
        FIN-WAIT-2* │◀─ ACK seq=1 ack=102 win=64256 ─────────────────────────────┤                0.050 ms
                    │◀─ PSH ACK seq=1 ack=102 len=1000 win=64256 ────────────────┤                0.060 ms
                    ├── ACK seq=102 ack=1001 win=64256 ─────────────────────────▶│                0.070 ms
                    │                 ═══ second half closed ═══                 │
         TIME-WAIT* │◀─ FIN ACK seq=1001 ack=102 win=64256 ──────────────────────┤ LAST-ACK*      0.080 ms
                    ├── ACK seq=102 ack=1002 win=64256 ─────────────────────────▶│ CLOSED*        0.090 ms
                    │                     2 MSL, then CLOSED                     │
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S5.1 refused")
  func refused() throws {
    let ladder = try Scenario.refused().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                      SERVER 10.7.0.1:80
            CLOSED* │                                                            │ CLOSED*
                    │                      ═══ refused ═══                       │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ─────────────────▶│                0.000 ms
            CLOSED* │◀─ RST ACK seq=0 ack=1 ─────────────────────────────────────┤                0.010 ms
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S3.9 half-open, the SYN-ACK repeated")
  func halfOpen() throws {
    let ladder = try Scenario.halfOpen().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                   SERVER 10.7.0.1:80
            CLOSED* │                                                         │ LISTEN*
                    │           ═══ half-open: no third segment ═══           │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ──────────────▶│ SYN-RECEIVED*     0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ─────┤                   0.010 ms
                    │◀─ SYN ACK retransmission seq=0 ack=1 win=64240 … ───────┤                1000.010 ms
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 S6.1 S4.7 a lost segment, a lost last ACK")
  func losses() throws {
    let ladder = try Scenario.losses().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                   SERVER 10.7.0.1:80
            CLOSED* │                                                         │ LISTEN*
                    │               ═══ three-segment open ═══                │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ──────────────▶│ SYN-RECEIVED*     0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ─────┤                   0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ───────────────────────────▶│ ESTABLISHED*      0.020 ms
                    │                      ═══ data ═══                       │
                    ├── PSH ACK seq=1 ack=1 len=100 win=64256 ───────────────▶│                   0.030 ms
                    │◀─ ACK seq=1 ack=101 len=1460 win=64256 ─────────────────┤                   0.040 ms
                    │       ✗─ ACK seq=1461 ack=101 len=1460 win=64256 ───────┤                   0.050 ms
                    │◀─ PSH ACK seq=2921 ack=101 len=1460 win=64256 ──────────┤                   0.060 ms
                    ├── ACK seq=101 ack=1461 win=64256 sack=2921-4381 ───────▶│                   0.070 ms
                    │◀─ ACK retransmission seq=1461 ack=101 len=1460 … ───────┤                 200.070 ms
                    ├── ACK seq=101 ack=4381 win=64256 ──────────────────────▶│                 200.080 ms
                    │               ═══ three-segment close ═══               │
        CLOSE-WAIT* │◀─ FIN ACK seq=4381 ack=101 win=64256 ───────────────────┤ FIN-WAIT-1*     200.090 ms
          LAST-ACK* ├── FIN ACK seq=101 ack=4382 win=64256 ──────────────────▶│ TIME-WAIT*      200.100 ms
                    │       ✗─ ACK seq=4382 ack=102 win=64256 ────────────────┤                 200.110 ms
                    ├── FIN ACK retransmission seq=101 ack=4382 win=64256 ───▶│                11.400110 s
            CLOSED* │◀─ ACK seq=4382 ack=102 win=64256 ───────────────────────┤                11.400120 s
                    │                   2 MSL, then CLOSED                    │
      * inferred from the segments   ✗ lost on the way

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 the same in Chinese, aligned by East Asian width")
  func lossesChinese() throws {
    let ladder = try Scenario.losses().ladder
    let expected = """
      客户端 10.7.0.2:40112                                                            服务器 10.7.0.1:80
            CLOSED* │                                                                  │ LISTEN*
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ───────────────────────▶│ SYN-RECEIVED*     0.000 ms ┐ 三次握手
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ──────────────┤                   0.010 ms │
                    ├── ACK seq=1 ack=1 win=64256 ────────────────────────────────────▶│ ESTABLISHED*      0.020 ms ┘
                    ├── PSH ACK seq=1 ack=1 len=100 win=64256 ────────────────────────▶│                   0.030 ms ┐ 数据传输
                    │◀─ ACK seq=1 ack=101 len=1460 win=64256 ──────────────────────────┤                   0.040 ms │
                    │        ✗─ ACK seq=1461 ack=101 len=1460 win=64256 ───────────────┤                   0.050 ms │
                    │◀─ PSH ACK seq=2921 ack=101 len=1460 win=64256 ───────────────────┤                   0.060 ms │
                    ├── ACK seq=101 ack=1461 win=64256 sack=2921-4381 ────────────────▶│                   0.070 ms │
                    │◀─ ACK 重传 seq=1461 ack=101 len=1460 win=64256 ──────────────────┤                 200.070 ms │
                    ├── ACK seq=101 ack=4381 win=64256 ───────────────────────────────▶│                 200.080 ms ┘
        CLOSE-WAIT* │◀─ FIN ACK seq=4381 ack=101 win=64256 ────────────────────────────┤ FIN-WAIT-1*     200.090 ms ┐ 三次挥手
          LAST-ACK* ├── FIN ACK seq=101 ack=4382 win=64256 ───────────────────────────▶│ TIME-WAIT*      200.100 ms │
                    │        ✗─ ACK seq=4382 ack=102 win=64256 ────────────────────────┤                 200.110 ms │
                    ├── FIN ACK 重传 seq=101 ack=4382 win=64256 ──────────────────────▶│                11.400110 s │
            CLOSED* │◀─ ACK seq=4382 ack=102 win=64256 ────────────────────────────────┤                11.400120 s ┘
                    │                     等待 2 MSL 后进入 CLOSED                     │
      * 由报文段推断   ✗ 途中丢失

      """
    #expect(ladder.text(LadderStyle(columns: 120, language: .simplifiedChinese)) == expected)
  }

  @Test("S7.1 S6.3 sequence wrap, a folded run, an abort")
  func wrapAndFold() throws {
    let ladder = try Scenario.wrapAndFold().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                      SERVER 10.7.0.1:80
            CLOSED* │                                                            │ LISTEN*
                    │                 ═══ three-segment open ═══                 │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ─────────────────▶│ SYN-RECEIVED*  0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ────────┤                0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ──────────────────────────────▶│ ESTABLISHED*   0.020 ms
                    │                        ═══ data ═══                        │
                    ├── PSH ACK seq=1 ack=1 len=100 win=64256 ──────────────────▶│                0.030 ms
                    │◀─ ACK seq=1 ack=101 len=1460 win=64256 ────────────────────┤                0.040 ms
                    │◀─ ACK seq=1461 ack=101 len=1460 win=64256 ─────────────────┤                0.050 ms
                    ├── ACK seq=101 ack=2921 win=64256 ─────────────────────────▶│                0.060 ms
                    ┊     … 42 more data segments, 61,320 octets, 21 ACKs …      ┊                0.690 ms
                    │◀─ ACK seq=64241 ack=101 len=1460 win=64256 ────────────────┤                0.700 ms
                    │◀─ PSH ACK seq=65701 ack=101 len=1460 win=64256 ────────────┤                0.710 ms
                    ├── ACK seq=101 ack=67161 win=64256 ────────────────────────▶│                0.720 ms
                    │                       ═══ reset ═══                        │
            CLOSED* ├── RST ACK seq=101 ack=67161 ──────────────────────────────▶│ CLOSED*        0.730 ms
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }

  @Test("S7.1 60 columns")
  func wrapAndFoldNarrow() throws {
    let ladder = try Scenario.wrapAndFold().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                     SERVER 10.7.0.1:80
            CLOSED* │                              │ LISTEN*
                    │  ═══ three-segment open ═══  │
                    │ SYN seq=0 win=64240 mss=1460 │
                    │ ws=7 sack                    │
          SYN-SENT* ├── 0.000 ms ─────────────────▶│ SYN-RECEIVED*
                    │ SYN ACK seq=0 ack=1          │
                    │ win=64240 mss=1460 ws=7 sack │
       ESTABLISHED* │◀─ 0.010 ms ──────────────────┤
                    │ ACK seq=1 ack=1 win=64256    │
                    ├── 0.020 ms ─────────────────▶│ ESTABLISHED*
                    │         ═══ data ═══         │
                    │ PSH ACK seq=1 ack=1 len=100  │
                    │ win=64256                    │
                    ├── 0.030 ms ─────────────────▶│
                    │ ACK seq=1 ack=101 len=1460   │
                    │ win=64256                    │
                    │◀─ 0.040 ms ──────────────────┤
                    │ ACK seq=1461 ack=101         │
                    │ len=1460 win=64256           │
                    │◀─ 0.050 ms ──────────────────┤
                    │ ACK seq=101 ack=2921         │
                    │ win=64256                    │
                    ├── 0.060 ms ─────────────────▶│
                    ┊   … 42 more data segments,   ┊
                    ┊   61,320 octets, 21 ACKs …   ┊
                    │ ACK seq=64241 ack=101        │
                    │ len=1460 win=64256           │
                    │◀─ 0.700 ms ──────────────────┤
                    │ PSH ACK seq=65701 ack=101    │
                    │ len=1460 win=64256           │
                    │◀─ 0.710 ms ──────────────────┤
                    │ ACK seq=101 ack=67161        │
                    │ win=64256                    │
                    ├── 0.720 ms ─────────────────▶│
                    │        ═══ reset ═══         │
                    │ RST ACK seq=101 ack=67161    │
            CLOSED* ├── 0.730 ms ─────────────────▶│ CLOSED*
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 60)) == expected)
  }

  @Test("S7.1 60 columns in Chinese")
  func narrowChinese() throws {
    let ladder = try Scenario.wrapAndFold().ladder
    let expected = """
      客户端 10.7.0.2:40112                     服务器 10.7.0.1:80
            CLOSED* │                              │ LISTEN*
                    │       ═══ 三次握手 ═══       │
                    │ SYN seq=0 win=64240 mss=1460 │
                    │ ws=7 sack                    │
          SYN-SENT* ├── 0.000 ms ─────────────────▶│ SYN-RECEIVED*
                    │ SYN ACK seq=0 ack=1          │
                    │ win=64240 mss=1460 ws=7 sack │
       ESTABLISHED* │◀─ 0.010 ms ──────────────────┤
                    │ ACK seq=1 ack=1 win=64256    │
                    ├── 0.020 ms ─────────────────▶│ ESTABLISHED*
                    │       ═══ 数据传输 ═══       │
                    │ PSH ACK seq=1 ack=1 len=100  │
                    │ win=64256                    │
                    ├── 0.030 ms ─────────────────▶│
                    │ ACK seq=1 ack=101 len=1460   │
                    │ win=64256                    │
                    │◀─ 0.040 ms ──────────────────┤
                    │ ACK seq=1461 ack=101         │
                    │ len=1460 win=64256           │
                    │◀─ 0.050 ms ──────────────────┤
                    │ ACK seq=101 ack=2921         │
                    │ win=64256                    │
                    ├── 0.060 ms ─────────────────▶│
                    ┊    … 另有 42 个数据段，共    ┊
                    ┊   61,320 字节，21 个 ACK …   ┊
                    │ ACK seq=64241 ack=101        │
                    │ len=1460 win=64256           │
                    │◀─ 0.700 ms ──────────────────┤
                    │ PSH ACK seq=65701 ack=101    │
                    │ len=1460 win=64256           │
                    │◀─ 0.710 ms ──────────────────┤
                    │ ACK seq=101 ack=67161        │
                    │ win=64256                    │
                    ├── 0.720 ms ─────────────────▶│
                    │       ═══ 连接重置 ═══       │
                    │ RST ACK seq=101 ack=67161    │
            CLOSED* ├── 0.730 ms ─────────────────▶│ CLOSED*
      * 由报文段推断

      """
    #expect(ladder.text(LadderStyle(columns: 60, language: .simplifiedChinese)) == expected)
  }

  @Test("S7.1 48 columns of nothing but ASCII")
  func asciiNarrowest() throws {
    let ladder = try Scenario.halfClose().ladder
    let expected = """
      CLIENT 10.7.0.2:40112         SERVER 10.7.0.1:80
            CLOSED* |                  | LISTEN*
                    |three-segment open|
                    | SYN seq=0        |
                    | win=64240        |
                    | mss=1460 ws=7 .. |
          SYN-SENT* |-- 0.000 ms ----->| SYN-RECEIVED*
                    | SYN ACK seq=0    |
                    | ack=1 win=64240  |
                    | mss=1460 ws=7 .. |
       ESTABLISHED* |<- 0.010 ms ------|
                    | ACK seq=1 ack=1  |
                    | win=64256        |
                    |-- 0.020 ms ----->| ESTABLISHED*
                    |   === data ===   |
                    | PSH ACK seq=1    |
                    | ack=1 len=100    |
                    | win=64256        |
                    |-- 0.030 ms ----->|
                    |=== half-close ===|
                    | FIN ACK seq=101  |
                    | ack=1 win=64256  |
        FIN-WAIT-1* |-- 0.040 ms ----->| CLOSE-WAIT*
                    | ACK seq=1        |
                    | ack=102          |
                    | win=64256        |
        FIN-WAIT-2* |<- 0.050 ms ------|
                    | PSH ACK seq=1    |
                    | ack=102 len=1000 |
                    | win=64256        |
                    |<- 0.060 ms ------|
                    | ACK seq=102      |
                    | ack=1001         |
                    | win=64256        |
                    |-- 0.070 ms ----->|
                    |second half closed|
                    | FIN ACK seq=1001 |
                    | ack=102          |
                    | win=64256        |
         TIME-WAIT* |<- 0.080 ms ------| LAST-ACK*
                    | ACK seq=102      |
                    | ack=1002         |
                    | win=64256        |
                    |-- 0.090 ms ----->| CLOSED*
                    |2 MSL, then CLOSED|
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 20, ascii: true)) == expected)
  }

  @Test("S7.1 S4.8 the four-tuple used again out of TIME-WAIT")
  func reuse() throws {
    let ladder = try Scenario.reuse().ladder
    let expected = """
      CLIENT 10.7.0.2:40112                                                   SERVER 10.7.0.1:80
            CLOSED* │                                                         │ LISTEN*
                    │               ═══ three-segment open ═══                │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ──────────────▶│ SYN-RECEIVED*     0.000 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ─────┤                   0.010 ms
                    ├── ACK seq=1 ack=1 win=64256 ───────────────────────────▶│ ESTABLISHED*      0.020 ms
                    │               ═══ three-segment close ═══               │
        CLOSE-WAIT* │◀─ FIN ACK seq=1 ack=1 win=64256 ────────────────────────┤ FIN-WAIT-1*       0.030 ms
          LAST-ACK* ├── FIN ACK seq=1 ack=2 win=64256 ───────────────────────▶│ TIME-WAIT*        0.040 ms
            CLOSED* │◀─ ACK seq=2 ack=2 win=64256 ────────────────────────────┤                   0.050 ms
                    │               ═══ three-segment open ═══                │
          SYN-SENT* ├── SYN seq=0 win=64240 mss=1460 ws=7 sack ──────────────▶│ SYN-RECEIVED*  1000.060 ms
       ESTABLISHED* │◀─ SYN ACK seq=0 ack=1 win=64240 mss=1460 ws=7 sack ─────┤                1000.070 ms
                    ├── ACK seq=1 ack=1 win=64256 ───────────────────────────▶│ ESTABLISHED*   1000.080 ms
      * inferred from the segments

      """
    #expect(ladder.text(LadderStyle(columns: 100)) == expected)
  }
}
