package torch
import ("testing"; "github.com/sugarme/gotch"; "github.com/sugarme/gotch/nn"; "github.com/sugarme/gotch/ts")
func TestX(t *testing.T){
 Seed(1)
 vs:=nn.NewVarStore(gotch.CPU); l:=nn.NewLinear(vs.Root(),4,3,nn.DefaultLinearConfig())
 opt,_:=nn.DefaultSGDConfig().Build(vs,0.1)
 o,err:=Find(opt); t.Log(o,err)
 a,err:=o.Attach(func(r *Report) bool { t.Log(*r); ps,e:=o.Params(); t.Log(ps,e); return true}); t.Log(a,err)
 x:=ts.MustRandn([]int64{5,4},gotch.Float,gotch.CPU)
 for i:=0;i<2;i++ { loss:=l.Forward(x).MustMean(gotch.Float,true); t.Log(opt.BackwardStep(loss)) }
}
