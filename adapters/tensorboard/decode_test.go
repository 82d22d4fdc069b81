package tensorboard_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The decoder of the tests is made of the format's definition: the framing of
// TFRecord, and the messages of TensorFlow's event.proto, summary.proto,
// histogram.proto, tensor.proto and tensor_shape.proto as far as they are used,
// which the protobuf library then decodes.

const (
	double  = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	float   = descriptorpb.FieldDescriptorProto_TYPE_FLOAT
	i32     = descriptorpb.FieldDescriptorProto_TYPE_INT32
	i64     = descriptorpb.FieldDescriptorProto_TYPE_INT64
	text    = descriptorpb.FieldDescriptorProto_TYPE_STRING
	bytes_  = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	message = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
)

type field struct {
	name     string
	number   int32
	kind     descriptorpb.FieldDescriptorProto_Type
	of       string
	repeated bool
}

var schema = map[string][]field{
	"Event": {{name: "wall_time", number: 1, kind: double}, {name: "step", number: 2, kind: i64}, {name: "file_version", number: 3, kind: text},
		{name: "summary", number: 5, kind: message, of: "Summary"}, {name: "session_log", number: 7, kind: message, of: "SessionLog"},
		{name: "source_metadata", number: 10, kind: message, of: "SourceMetadata"}},
	"SourceMetadata": {{name: "writer", number: 1, kind: text}},
	"SessionLog":     {{name: "status", number: 1, kind: i32}},
	"Summary":        {{name: "value", number: 1, kind: message, of: "Value", repeated: true}},
	"Value": {{name: "tag", number: 1, kind: text}, {name: "simple_value", number: 2, kind: float},
		{name: "histo", number: 5, kind: message, of: "HistogramProto"}, {name: "tensor", number: 8, kind: message, of: "TensorProto"},
		{name: "metadata", number: 9, kind: message, of: "SummaryMetadata"}},
	"SummaryMetadata": {{name: "plugin_data", number: 1, kind: message, of: "PluginData"}},
	"PluginData":      {{name: "plugin_name", number: 1, kind: text}, {name: "content", number: 2, kind: bytes_}},
	"HistogramProto": {{name: "min", number: 1, kind: double}, {name: "max", number: 2, kind: double}, {name: "num", number: 3, kind: double},
		{name: "sum", number: 4, kind: double}, {name: "sum_squares", number: 5, kind: double},
		{name: "bucket_limit", number: 6, kind: double, repeated: true}, {name: "bucket", number: 7, kind: double, repeated: true}},
	"TensorProto": {{name: "dtype", number: 1, kind: i32}, {name: "tensor_shape", number: 2, kind: message, of: "TensorShapeProto"},
		{name: "string_val", number: 8, kind: bytes_, repeated: true}},
	"TensorShapeProto": {{name: "dim", number: 2, kind: message, of: "Dim", repeated: true}},
	"Dim":              {{name: "size", number: 1, kind: i64}},
}

var eventType = func() protoreflect.MessageDescriptor {
	f := &descriptorpb.FileDescriptorProto{Name: proto.String("event.proto"), Package: proto.String("t"), Syntax: proto.String("proto3")}
	for name, fields := range schema {
		m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
		for _, d := range fields {
			label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
			if d.repeated {
				label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
			}
			p := &descriptorpb.FieldDescriptorProto{Name: proto.String(d.name), Number: proto.Int32(d.number), Type: d.kind.Enum(), Label: label.Enum()}
			if d.of != "" {
				p.TypeName = proto.String(".t." + d.of)
			}
			m.Field = append(m.Field, p)
		}
		f.MessageType = append(f.MessageType, m)
	}
	file, err := protodesc.NewFile(f, nil)
	if err != nil {
		panic(err)
	}
	return file.Messages().ByName("Event")
}()

// msg reads the fields of a message by their names.
type msg struct{ protoreflect.Message }

func (m msg) field(name string) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(protoreflect.Name(name))
}
func (m msg) has(name string) bool               { return m.Has(m.field(name)) }
func (m msg) get(name string) protoreflect.Value { return m.Get(m.field(name)) }
func (m msg) message(name string) msg            { return msg{m.get(name).Message()} }
func (m msg) list(name string) (all []protoreflect.Value) {
	l := m.get(name).List()
	for i := range l.Len() {
		all = append(all, l.Get(i))
	}
	return all
}

// frames takes a TFRecord file apart, and checks every checksum.
func frames(b []byte) (records [][]byte, err error) {
	masked := func(data []byte) uint32 {
		crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		return uint32(uint64(crc>>15|crc<<17) + 0xa282ead8)
	}
	for len(b) > 0 {
		if len(b) < 12 {
			return records, fmt.Errorf("a torn header of %d bytes", len(b))
		}
		n := binary.LittleEndian.Uint64(b)
		if want, got := masked(b[:8]), binary.LittleEndian.Uint32(b[8:]); want != got {
			return records, fmt.Errorf("record %d: the length's checksum is %08x, want %08x", len(records), got, want)
		}
		if uint64(len(b)-12) < n+4 {
			return records, fmt.Errorf("record %d is torn", len(records))
		}
		data := b[12 : 12+n]
		if want, got := masked(data), binary.LittleEndian.Uint32(b[12+n:]); want != got {
			return records, fmt.Errorf("record %d: the data's checksum is %08x, want %08x", len(records), got, want)
		}
		records, b = append(records, data), b[12+n+4:]
	}
	return records, nil
}

// A line is one value as a reader finds it, in the form of golden.json.
type line struct {
	WallTime    float64  `json:"wall_time"`
	Step        int64    `json:"step"`
	FileVersion string   `json:"file_version"`
	SessionLog  int64    `json:"session_log"`
	Tag         string   `json:"tag"`
	Plugin      string   `json:"plugin"`
	Text        string   `json:"text"`
	Scalar      any      `json:"scalar"`
	Buckets     [][3]any `json:"buckets"`
}

// decode reads an event file. All it knows of the encoder is the format.
func decode(t testing.TB, b []byte) (lines []line) {
	records, err := frames(b)
	require.NoError(t, err)
	for _, data := range records {
		e := msg{dynamicpb.NewMessage(eventType)}
		require.NoError(t, proto.Unmarshal(data, e.Interface()))
		require.Empty(t, e.GetUnknown())
		at := line{WallTime: e.get("wall_time").Float(), Step: e.get("step").Int()}
		if e.has("file_version") {
			l := at
			l.FileVersion = e.get("file_version").String()
			lines = append(lines, l)
		}
		if e.has("session_log") {
			l := at
			l.SessionLog = e.message("session_log").get("status").Int()
			lines = append(lines, l)
		}
		for _, v := range e.message("summary").list("value") {
			lines = append(lines, value(t, at, msg{v.Message()}))
		}
	}
	return lines
}

func value(t testing.TB, l line, v msg) line {
	require.Empty(t, v.GetUnknown())
	l.Tag = v.get("tag").String()
	switch {
	case v.has("histo"):
		l.Plugin, l.Buckets = "histograms", buckets(v.message("histo"))
	case v.has("tensor"):
		tensor := v.message("tensor")
		require.EqualValues(t, 7, tensor.get("dtype").Int(), "DT_STRING")
		require.Empty(t, tensor.message("tensor_shape").list("dim"))
		require.Len(t, tensor.list("string_val"), 1)
		l.Plugin = v.message("metadata").message("plugin_data").get("plugin_name").String()
		l.Text = string(tensor.list("string_val")[0].Bytes())
	default: // a 0 is not to be told from one that is left out, but for the tag
		l.Plugin, l.Scalar = "scalars", number(v.get("simple_value").Float())
	}
	return l
}

// buckets has the left and right edge and the count of each bucket that counts, as TensorBoard
// shows them: in 32 bits, and from the least to the greatest value.
func buckets(h msg) (all [][3]any) {
	limits, counts := h.list("bucket_limit"), h.list("bucket")
	first, last := -1, -1
	for i := range counts {
		if counts[i].Float() > 0 {
			last = i
			if first < 0 {
				first = i
			}
		}
	}
	single := func(v float64) any { return number(float64(float32(v))) }
	for i := first; i <= last; i++ {
		left, right := h.get("min").Float(), h.get("max").Float()
		if i > first {
			left = limits[i-1].Float()
		}
		if i < last {
			right = limits[i].Float()
		}
		all = append(all, [3]any{single(left), single(right), counts[i].Float()})
	}
	return all
}

func number(v float64) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return v
}
